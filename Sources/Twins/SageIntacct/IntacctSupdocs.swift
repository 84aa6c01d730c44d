internal import Crypto
internal import Kernel
internal import Wire

/// Attachments, and the one function that lists them.
extension IntacctCompany {
    mutating func createFolder(_ body: XMLElement) throws(IntacctProblem) -> String {
        let name = body.value("supdocfoldername") ?? ""
        guard !name.isEmpty else { throw .missing("Folder name") }
        guard records("_SUPDOCFOLDER", where: "NAME", is: name).isEmpty else { throw .duplicate("Attachments Folder", name) }
        if let parent = body.value("supdocparentfoldername"), records("_SUPDOCFOLDER", where: "NAME", is: parent).isEmpty { throw .invalid("folder", parent) }
        insert("_SUPDOCFOLDER", [
            "NAME": name, "DESCRIPTION": body.value("supdocfolderdescription") ?? "", "PARENT": body.value("supdocparentfoldername") ?? "",
            "_AT": IntacctTime.second(now),
        ])
        return name
    }

    mutating func deleteFolder(_ key: String) throws(IntacctProblem) -> String {
        guard let folder = records("_SUPDOCFOLDER", where: "NAME", is: key).first else { throw .invalid("folder", key) }
        guard !all("_SUPDOC").contains(where: { $0["FOLDER"] == key }) else { throw .rule("The folder '\(key)' is not empty.") }
        delete("_SUPDOCFOLDER", folder.no)
        return key
    }

    mutating func createSupdoc(_ body: XMLElement) throws(IntacctProblem) -> String {
        let id = body.value("supdocid") ?? ""
        guard !id.isEmpty else { throw .missing("Attachment ID") }
        guard records("_SUPDOC", where: "SUPDOCID", is: id).isEmpty else { throw .duplicate("Attachment", id) }
        guard body.value("supdocfoldername") != nil else { throw .missing("Folder name") }
        insert("_SUPDOC", try supdoc(body, nil).merging(["SUPDOCID": id, "_AT": IntacctTime.second(now)]) { $1 })
        return id
    }

    mutating func updateSupdoc(_ body: XMLElement) throws(IntacctProblem) -> String {
        let id = body.value("supdocid") ?? ""
        guard let old = records("_SUPDOC", where: "SUPDOCID", is: id).first else { throw .invalid("attachment", id) }
        update("_SUPDOC", old.no, try supdoc(body, old))
        return id
    }

    mutating func deleteSupdoc(_ key: String) throws(IntacctProblem) -> String {
        guard let old = records("_SUPDOC", where: "SUPDOCID", is: key).first else { throw .invalid("attachment", key) }
        delete("_SUPDOC", old.no)
        return key
    }

    private func supdoc(_ body: XMLElement, _ old: IntacctRecord?) throws(IntacctProblem) -> [String: String] {
        let folder = body.value("supdocfoldername") ?? old?["FOLDER"] ?? ""
        guard !records("_SUPDOCFOLDER", where: "NAME", is: folder).isEmpty else { throw .invalid("folder", folder) }
        var files: [JSON] = []
        for file in body["attachments"]?.all("attachment") ?? [] {
            // A twin has no use for what is in a file, only for whether it could be read.
            let text = file["attachmentdata"]?.text.filter { !$0.isWhitespace } ?? ""
            guard let data = Base64.decode(text), !data.isEmpty else { throw .invalid("attachment data", file.value("attachmentname") ?? "") }
            files.append(.object([
                ("name", .string(file.value("attachmentname") ?? "")), ("type", .string(file.value("attachmenttype") ?? "")),
                ("bytes", .number("\(data.count)")),
                ("digest", .string(Digest.sha256(data).hexText)),
            ]))
        }
        return [
            "FOLDER": folder, "NAME": body.value("supdocname") ?? old?["NAME"] ?? "",
            "DESCRIPTION": body.value("supdocdescription") ?? old?["DESCRIPTION"] ?? "",
            "FILES": files.isEmpty ? old?["FILES"] ?? "" : JSON.array(files).text,
        ]
    }

    /// `get_list` of attachments and their folders; other objects have better functions.
    func list(_ call: IntacctCall) throws(IntacctProblem) -> [XMLElement] {
        let name = call.body.attribute("object") ?? ""
        let rows: [XMLElement]
        switch name {
        case "supdoc":
            rows = all("_SUPDOC").map { row in
                let files: [XMLElement] = ((try? JSON(parsing: Array(row["FILES"].utf8)))?.array ?? []).map { file in
                    .node("attachment", [.leaf("attachmentname", file["name"]?.string ?? ""), .leaf("attachmenttype", file["type"]?.string ?? "")])
                }
                return .node("supdoc", [
                    .leaf("recordno", "\(row.no)"), .leaf("supdocid", row["SUPDOCID"]), .leaf("supdocname", row["NAME"]), .leaf("folder", row["FOLDER"]),
                    .leaf("description", row["DESCRIPTION"]), .leaf("creationdate", row["_AT"]), .node("attachments", files),
                ])
            }
        case "supdocfolder":
            rows = all("_SUPDOCFOLDER").map { row in
                .node("supdocfolder", [
                    .leaf("name", row["NAME"]), .leaf("description", row["DESCRIPTION"]), .leaf("parentfolder", row["PARENT"]),
                    .leaf("creationdate", row["_AT"]),
                ])
            }
        default: throw .noObject(name)
        }
        let found = rows.filter { row in
            (call.body["filter"]?.all("expression") ?? []).allSatisfy { expression in
                let asked = (row.value(expression.value("field") ?? "") ?? "", expression.value("value") ?? "")
                return expression.value("operator") == "like" ? IntacctValue.matches(asked.0, asked.1) : asked.0 == asked.1
            }
        }
        var type = XMLElement.leaf("listtype", name)
        type.attributes = [("start", "0"), ("end", "\(max(0, found.count - 1))"), ("total", "\(found.count)")].map { XMLAttribute(XMLName($0.0), $0.1) }
        return [type, .node("data", found)]
    }
}
