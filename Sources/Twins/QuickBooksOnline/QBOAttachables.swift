internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

// Notes and files beside transactions and names.
extension QBOCompany {
    /// - Source: QuickBooks Online API reference, Attachable: a request of all files together has at most 100 MB.
    static let uploadBytes = 100_000_000
    /// How long an address to download from works.
    static let downloadSeconds: Int64 = 900
    /// - Source: QuickBooks Online API reference, Attachable, supported file types.
    private static let extensions: Set<String> = [
        "ai", "csv", "doc", "docx", "eps", "gif", "jpeg", "jpg", "ods", "pages", "pdf", "png", "rtf", "tif", "txt", "xls", "xlsx", "xml",
    ]

    /// The metadata of a note or of a file that was uploaded.
    func attachable(_ draft: QBODraft) throws(QBOError) -> JSON {
        var object = draft.input
        let hasFile = draft.current?.has("Size") == true || object.has("Size")
        guard object.has("Note") || object.has("FileName") else { throw .missing("Note") }
        if let current = draft.current {
            for name in ["Size", "FileAccessUri", "ContentType"] where current.has(name) { object = object.setting(name, current[name] ?? .null) }
        }
        guard hasFile || object.has("Note") else {
            throw .business("A file's content is sent to the upload endpoint.", "FileName")
        }
        if object.has("AttachableRef") {
            guard let references = object["AttachableRef"]?.array else { throw .notJSON }
            var judged: [JSON] = []
            for reference in references { judged.append(try attached(reference)) }
            object = object.setting("AttachableRef", .array(judged))
        }
        return object
    }

    private func attached(_ reference: JSON) throws(QBOError) -> JSON {
        guard let entity = reference.member("EntityRef") else { return reference }
        guard let type = entity.text("type"), let id = entity.text("value") else { throw .missing("AttachableRef.EntityRef") }
        guard let kind = QBOKind(name: type), kind.isWritable, kind != .attachable else { throw .invalidChoice("AttachableRef.EntityRef.type") }
        guard object(kind, id) != nil else { throw .unknownReference(kind, id, "AttachableRef.EntityRef") }
        return reference.without(["EntityRef", "IncludeOnSend"])
            .setting("EntityRef", ["value": .string(id), "type": .string(kind.rawValue)])
            .setting("IncludeOnSend", .bool(reference.flag("IncludeOnSend") ?? false))
    }

    /// The object with a fresh address to download its file from.
    func downloadable(_ object: JSON) -> JSON {
        guard let id = object.text("Id"), object.has("Size") else { return object }
        return object.setting("TempDownloadUri", .string(temporaryAddress(id)))
    }

    // MARK: Upload

    /// `POST /upload`: files with what is said of them, part by part (`file_metadata_01`, `file_content_01`). A file that can't be taken is refused
    /// where it stands; the others are taken.
    mutating func upload(_ request: HTTPRequest, most: Int) throws(QBOError) -> JSON {
        guard request.body.count <= most else {
            throw .business("The request is larger than the \(most / 1_000_000) MB that can be uploaded at once.")
        }
        let parts = try Self.parts(request)
        var answers: [JSON] = []
        for (index, part) in parts.enumerated() where part.name?.hasPrefix("file_content_") == true {
            let suffix = part.name?.dropFirst("file_content_".count) ?? ""
            let metadata = parts.first { $0.name == "file_metadata_\(suffix)" }
            do throws(QBOError) {
                answers.append(.object([("Attachable", try keep(part, metadata, index))]))
            } catch {
                answers.append(.object([("Fault", error.fault)]))
            }
        }
        guard !answers.isEmpty else { throw .missing("file_content_01") }
        return .array(answers)
    }

    private mutating func keep(_ part: MultipartPart, _ metadata: MultipartPart?, _ index: Int) throws(QBOError) -> JSON {
        var said: JSON = .object([])
        if let metadata {
            do { said = try JSON(parsing: metadata.body) } catch { throw .notJSON }
        }
        try QBOShape.check(.attachable, said)
        let name = said.text("FileName") ?? part.filename ?? "attachment-\(index)"
        let ending = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
        guard name.contains("."), Self.extensions.contains(ending) else {
            throw .business("Files of type .\(ending) can't be attached.", "FileName")
        }
        let bytes = try Self.content(part)
        let id = nextID(.attachable)
        let type = said.text("ContentType") ?? part.fields["Content-Type"] ?? "application/octet-stream"
        let input = said.spoken.without(Self.serverFields(.attachable)).setting("FileName", .string(name)).setting("ContentType", .string(type))
            .setting("Size", .number("\(bytes.count)")).setting("FileAccessUri", .string("/v3/company/\(Self.realm)/download/\(id)"))
        let made = headed(try attachable(QBODraft(input: input, current: nil, linesGiven: true)), id: id, current: nil)
        contents.add(id, bytes)
        put(.attachable, id, made)
        return downloadable(made)
    }

    private static func content(_ part: MultipartPart) throws(QBOError) -> [UInt8] {
        guard part.fields["Content-Transfer-Encoding"]?.lowercased() == "base64" else { return part.body }
        let text = String(decoding: part.body.filter { $0 > 32 }, as: UTF8.self)
        guard let bytes = Base64.decode(text) else { throw .business("The content of the file is not Base64.", part.name ?? "") }
        return bytes
    }

    /// - Source: python-quickbooks 0.9.12, `client.make_request`: sends its lines with line feeds alone, and the vendor takes them.
    private static func parts(_ request: HTTPRequest) throws(QBOError) -> [MultipartPart] {
        guard let boundary = Multipart.boundary(of: request.fields["Content-Type"] ?? "") else {
            throw QBOError(code: "1050", message: "Invalid Content Type", detail: "multipart/form-data with a boundary is wanted here")
        }
        if let parts = try? Multipart.read(request.body, boundary: boundary) { return parts }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(request.body.count + 64)
        for byte in request.body {
            if byte == 10, bytes.last != 13 { bytes.append(13) }
            bytes.append(byte)
        }
        guard let parts = try? Multipart.read(bytes, boundary: boundary) else {
            throw QBOError(code: "2010", message: "Request has invalid or unsupported property", detail: "The parts of the request could not be read")
        }
        return parts
    }

    // MARK: Download

    /// `GET /download/{id}`: an address that needs no token, for a quarter of an hour.
    func downloadAddress(_ id: String?) throws(QBOError) -> String {
        guard let id else { throw .missing("Id") }
        guard object(.attachable, id)?.has("Size") == true else { throw .notFound() }
        return temporaryAddress(id)
    }

    private func temporaryAddress(_ id: String) -> String {
        let until = now.seconds + Self.downloadSeconds
        let base = host.isEmpty ? "https://quickbooks.api.intuit.com" : "http://\(host)/qbo"
        return "\(base)/files/\(id)/\(until)/\(Self.pass(id, until))"
    }

    private static func pass(_ id: String, _ until: Int64) -> String {
        String(HMAC.sha256(key: Array(clientSecret.utf8), Array("\(id)/\(until)".utf8)).hexText.prefix(32))
    }

    /// `GET /files/{id}/{until}/{pass}`: the file.
    func file(_ path: [String]) -> HTTPResponse {
        guard path.count == 4, let until = Int64(path[2]), constantTimeEquals(Array(path[3].utf8), Array(Self.pass(path[1], until).utf8)), now.seconds < until,
            let object = object(.attachable, path[1]), let bytes = contents[path[1]]
        else { return .text(403, "Request has expired") }
        return HTTPResponse(200, fields: ["Content-Type": object.text("ContentType") ?? "application/octet-stream"], body: bytes)
    }
}
