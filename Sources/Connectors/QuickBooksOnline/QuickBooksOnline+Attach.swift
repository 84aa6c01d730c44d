internal import Books
public import ConnectorKit
internal import Kernel
internal import Wire

extension QuickBooksOnlineConnector {
    /// Looks among the document's files for one of the name, and uploads it when there is none.
    /// - Source: Intuit docs, Attachable: `select * from Attachable where AttachableRef.EntityRef…`; Upload attachments: parts `file_metadata_01` and
    ///   `file_content_01`.
    public func attach(_ file: LedgerFile, to document: LedgerDocument, attempt: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome>? {
        guard let entity = entity(of: document) else { return nil }
        guard let id = document.remoteID, !id.isEmpty else {
            return .finish(.rejected(Self.refusal("no_remote_id", "the document has no id in QuickBooks Online", "None needed: it is posted first.")))
        }
        let beside = "AttachableRef.EntityRef.Type = \(Query.quoted(entity.rawValue)) and AttachableRef.EntityRef.value = \(Query.quoted(id))"
        return rows([Query("Attachable", where: beside, ordered: true)], connection) { rows in
            if let known = rows.first(where: { $0.fields["FileName"].string == file.name }), let (id, version) = Self.identity(known.fields) {
                return .finish(.posted(remoteID: id, version: version))
            }
            guard let body = Self.upload(file, beside: entity, id, attempt: attempt) else {
                return .finish(.rejected(Self.refusal("attachment_unwritable", "the file \(file.name) can't be put into a request", "Report it.")))
            }
            return .one(self.upload(body, attempt: attempt, connection), read: Self.uploaded)
        }
    }

    private static func boundary(_ attempt: String) -> String { "counterfoil-\(attempt)" }

    private static func upload(_ file: LedgerFile, beside entity: Entity, _ id: String, attempt: String) -> [UInt8]? {
        let metadata: JSON = [
            "AttachableRef": [["EntityRef": ["type": .string(entity.rawValue), "value": .string(id)], "IncludeOnSend": false]],
            "FileName": .string(file.name), "ContentType": .string(file.contentType),
        ]
        let parts = [
            MultipartPart(name: "file_metadata_01", filename: "attachment.json", type: "application/json; charset=UTF-8", body: metadata.bytes),
            MultipartPart(name: "file_content_01", filename: file.name, type: file.contentType, body: file.bytes),
        ]
        return Multipart.write(parts, boundary: boundary(attempt))
    }

    private func upload(_ body: [UInt8], attempt: String, _ connection: ConnectionFacts) -> Call {
        let parameters = [("requestid", requestID(attempt, limit: QuickBooksLimits.requestID))]
        let request = HTTPRequest(
            .post, target("upload", parameters, connection), fields: ["Content-Type": "multipart/form-data; boundary=\(Self.boundary(attempt))"], body: body)
        return Call(.write, request, cost: [Budget.minute: 1, Budget.second: 1])
    }

    /// One answer for each file: the Attachable, or a fault of its own.
    private static func uploaded(_ answer: HTTPResponse) throws(Fault) -> PostOutcome {
        guard let root = (try? JSONDocument(parsing: answer.body))?.root, let first = root["AttachableResponse"].elements.first else {
            return .unknown(Problem.outcomeUnknown("its answer names no Attachable"))
        }
        if let problem = Problem(first) { return problem.reading(status: nil).outcome }
        guard let (id, version) = identity(first["Attachable"]) else { return .unknown(Problem.outcomeUnknown("its answer names no Attachable")) }
        return .posted(remoteID: id, version: version)
    }
}
