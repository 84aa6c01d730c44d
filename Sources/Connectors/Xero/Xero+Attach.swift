internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension XeroConnector {
    /// One file of a name beside a document: one that is there already with as many bytes is left, one with others is replaced. Customers don't
    /// see it (`IncludeOnline` is false where it is left out). Payments take no files.
    public func attach(_ file: LedgerFile, to document: LedgerDocument, attempt: String, _: ConnectionFacts) -> Exchange<PostOutcome>? {
        guard let endpoint = Endpoint(document), endpoint != .payments else { return nil }
        guard let id = document.remoteID, isGUID(id) else {
            return .finish(.rejected(Self.refused("remote_id_missing", "Xero's id of the document is not known", "Report it.")))
        }
        guard (1 ... XeroLimits.attachmentBytes).contains(file.bytes.count) else {
            return .finish(.rejected(Self.unattachable("it has \(file.bytes.count) bytes, and Xero takes 1 to \(XeroLimits.attachmentBytes)", "Keep it elsewhere.")))
        }
        let name = Self.attachmentName(file.name)
        let place = "\(endpoint.rawValue)/\(id)/Attachments"
        return rows([Query(place, collection: "Attachments", paged: false)]) { there in
            let known = there.first { $0["FileName"].string?.lowercased() == name.lowercased() }
            if let known, let own = known["AttachmentID"].string, known["ContentLength"].int.map({ $0 == file.bytes.count }) ?? true {
                return .finish(.posted(remoteID: own, version: nil))
            }
            guard known != nil || there.count < XeroLimits.attachments else {
                return .finish(.rejected(Self.unattachable("the document has \(there.count) files already", "Remove one from the document in Xero.")))
            }
            // PUT adds a file, POST changes the one of that name.
            let request = HTTPRequest(
                known == nil ? .put : .post, Self.target("\(place)/\(Form.percent(name))"), fields: ["Content-Type": Self.contentType(file.contentType)],
                body: file.bytes)
            return .send(Self.write(request, key: attempt)) { .finish(Self.attached($0)) }
        }
    }

    private static func attached(_ answer: HTTPResponse) -> PostOutcome {
        do throws(Fault) {
            let id = try JSONDocument(parsing: answer.body).root["Attachments"].elements.lazy.compactMap { $0["AttachmentID"].string }.first
            if let id, isGUID(id), !isZero(id) { return .posted(remoteID: id, version: nil) }
            return .unknown(lost("it has no id of the file"))
        } catch {
            return .unknown(lost("it can't be read"))
        }
    }

    /// The name as it can stand in an address: servers of this kind refuse a path with one of these characters even where it is escaped.
    static func attachmentName(_ name: String) -> String {
        let unsafe = Set("<>:\"/\\|?*%&+#;")
        let out = cut(plain(String(name.map { unsafe.contains($0) ? "-" : $0 })), utf16: XeroLimits.attachmentName)
        // Neither may it lead elsewhere.
        return out.allSatisfy { $0 == "." } ? "file" : out
    }

    /// `text/csv`; what is no such thing goes as bytes.
    private static func contentType(_ type: String) -> String {
        let isPlain = type.utf8.allSatisfy { (48 ... 57).contains($0) || (97 ... 122).contains($0 | 32) || [43, 45, 46, 47, 59, 61, 32].contains($0) }
        return isPlain && type.contains("/") && type.utf8.count <= XeroLimits.contentType ? type : "application/octet-stream"
    }

    private static func unattachable(_ why: String, _ remedy: String) -> Fault {
        refused("attachment_refused", "the file can't be kept beside the document: \(why)", remedy)
    }
}
