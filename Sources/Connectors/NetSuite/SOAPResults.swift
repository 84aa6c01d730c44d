internal import ConnectorKit
internal import Kernel
internal import Wire

/// What an operation's answer says, of the whole and of each record.
struct Results: Sendable {
    struct One: Sendable {
        var problem: Problem?
        /// Of a write: the record's id.
        var id: String?
        /// Of a read.
        var record: XMLElement?

        var outcome: PostOutcome {
            if let problem { return problem.outcome }
            guard let id, isID(id) else { return .unknown(NetSuite.lost("it names no id of the document")) }
            return .posted(remoteID: id, version: nil)
        }
    }

    /// The operation's name.
    var operation: String
    /// The call as a whole was refused.
    var problem: Problem?
    var each: [One]
    /// Records of a list; `nil` where the answer is no list.
    var listed: [XMLElement]?
    var searchID: String?
    var pages: Int

    /// `nil` for what is no answer of an operation.
    init?(_ response: HTTPResponse) {
        guard case .body(let body)? = SOAP.read(response), body.name.namespace?.hasPrefix("urn:messages_") == true, body.name.local.hasSuffix("Response"),
            let result = body.children.first
        else { return nil }
        operation = String(body.name.local.dropLast("Response".count))
        let single = ["writeResponse", "readResponse"].contains(result.name.local)
        let rows = single ? [result] : result.children.filter { ["writeResponse", "readResponse"].contains($0.name.local) }
        each = []
        for row in rows {
            guard let one = Results.one(row) else { return nil }
            each.append(one)
        }
        // Lists of records have a status each; of a single one it is the record's.
        if let status = single ? nil : result["status"] {
            guard let known = Results.read(status) else { return nil }
            problem = known.problem
        } else if rows.isEmpty {
            return nil
        }
        let isList = ["searchResult", "getAllResult"].contains(result.name.local)
        listed = isList && problem == nil ? result["recordList"]?.all("record") ?? (result["totalRecords"]?.text == "0" ? [] : nil) : nil
        searchID = result["searchId"]?.text
        pages = result["totalPages"].flatMap { Int($0.text) } ?? 1
    }

    private static func one(_ row: XMLElement) -> One? {
        guard let status = row["status"], let known = read(status) else { return nil }
        let id = row["baseRef"]?.attribute("internalId")
        // It was saved, and a script failed behind that.
        if known.problem != nil, known.wasSaved, id.map(isID) ?? false { return One(problem: nil, id: id, record: nil) }
        if known.wasSaved, let problem = known.problem { return One(problem: Problem(code: "UNEXPECTED_ERROR", text: problem.text), id: nil, record: nil) }
        return One(problem: known.problem, id: id, record: row["record"])
    }

    private static func read(_ status: XMLElement) -> (problem: Problem?, wasSaved: Bool)? {
        guard let success = status.attribute("isSuccess") else { return nil }
        if success == "true" || success == "1" { return (nil, false) }
        let details = status.all("statusDetail")
        // A warning beside it is not the reason.
        let reason = details.first { $0.attribute("type") != "WARN" } ?? details.first
        let saved = details.contains { ["true", "1"].contains($0["afterSubmitFailed"]?.text ?? "") }
        return (Problem(code: reason?["code"]?.text ?? "", text: reason?["message"]?.text ?? ""), saved)
    }
}
