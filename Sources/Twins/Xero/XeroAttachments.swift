internal import Kernel
internal import TwinKit
internal import Wire

/// A file beside a document.
struct XeroAttachment: XeroRow {
    static let kind = "Attachment"
    var id: String
    /// `Invoices/<id>`.
    var owner: String
    var name: String
    var type: String
    var size: Int
    var includeOnline: Bool
    /// Where its bytes are in `XeroState.contents`; another after each overwriting.
    var content: String

    var indexKeys: [String] { ["owner:" + owner] }

    var stored: JSON {
        .object([
            ("id", .string(id)), ("owner", .string(owner)), ("name", .string(name)), ("type", .string(type)), ("size", .number("\(size)")),
            ("online", .bool(includeOnline)), ("content", .string(content)),
        ])
    }

    init(id: String, owner: String, name: String, type: String, size: Int, includeOnline: Bool, content: String) {
        self.id = id
        self.owner = owner
        self.name = name
        self.type = type
        self.size = size
        self.includeOnline = includeOnline
        self.content = content
    }

    init?(stored: JSON) {
        guard let id = stored["id"]?.string, let owner = stored["owner"]?.string, let name = stored["name"]?.string, let type = stored["type"]?.string,
            let size = stored["size"]?.int, let content = stored["content"]?.string
        else { return nil }
        self.init(
            id: id, owner: owner, name: name, type: type, size: size, includeOnline: stored["online"]?.bool ?? false, content: content)
    }
}

/// Attachments of all documents that have them.
/// - Source: xero_accounting.yaml, `…/{id}/Attachments`; developer.xero.com, "Attachments": a file of a name that is there is overwritten, none is
///   deleted.
extension XeroState {
    /// Attachments of one document.
    static let attachmentsMost = 10

    mutating func attachments(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        let owner = try owner(call)
        switch (call.method, call.path.count) {
        case (.get, 3): return Self.envelope("Attachments", list(owner).map(Self.json), call)
        case (.get, 4):
            let name = call.path[3]
            guard let found = list(owner).first(where: { $0.id == name.lowercased() || $0.name == name }), let bytes = contents[found.content] else {
                throw .notFound
            }
            return HTTPResponse(200, fields: ["Content-Type": found.type], body: bytes)
        case (.put, 4), (.post, 4): return try attach(call, owner)
        default: throw .notFound
        }
    }

    /// `Invoices/<id>`, of a document that is there.
    private func owner(_ call: XeroCall) throws(XeroProblem) -> String {
        guard let id = XeroID(call.path[1])?.description else { throw .notFound }
        let (name, isThere): (String, Bool)
        switch call.path[0].lowercased() {
        case "accounts": (name, isThere) = ("Accounts", accounts[id] != nil)
        case "banktransactions": (name, isThere) = ("BankTransactions", bankTransactions[id] != nil)
        case "contacts": (name, isThere) = ("Contacts", contacts[id] != nil)
        case "creditnotes": (name, isThere) = ("CreditNotes", documents[id]?.family == .creditNote)
        case "invoices": (name, isThere) = ("Invoices", documents[id]?.family == .invoice)
        case "manualjournals": (name, isThere) = ("ManualJournals", manualJournals[id] != nil)
        case "purchaseorders": (name, isThere) = ("PurchaseOrders", orders[id] != nil)
        default: throw .notFound
        }
        guard isThere else { throw .notFound }
        return "\(name)/\(id)"
    }

    private mutating func attach(_ call: XeroCall, _ owner: String) throws(XeroProblem) -> HTTPResponse {
        let name = call.path[3]
        let old = list(owner).first { $0.name.lowercased() == name.lowercased() }
        var problems: [String] = []
        if name.isEmpty || name.count > Self.textCharacters || name.contains(where: { "<>:\"/\\|?*".contains($0) }) {
            problems.append("The file name '\(name)' is not valid")
        }
        if !name.dropFirst().contains(".") { problems.append("The file name must have an extension") }
        if call.request.body.isEmpty { problems.append("The attachment has no content") }
        if old == nil, list(owner).count >= Self.attachmentsMost {
            problems.append("A maximum of \(Self.attachmentsMost) attachments can be added to a document")
        }
        let online = call.query("IncludeOnline")?.lowercased() == "true"
        if online, !owner.hasPrefix("Invoices/"), !owner.hasPrefix("CreditNotes/") { problems.append("IncludeOnline is for invoices and credit notes") }
        guard problems.isEmpty else {
            var out = XeroMembers()
            out.text("AttachmentID", XeroSeed.zeroID)
            out.text("FileName", name)
            out.set("ValidationErrors", .array(problems.map { .object([("Message", .string($0))]) }))
            return XeroProblem.validation([out.json])
        }
        let type = call.request.fields["Content-Type"].map { String($0.prefix { $0 != ";" }) } ?? "application/octet-stream"
        let content = call.newID()
        let row = XeroAttachment(
            id: old?.id ?? call.newID(), owner: owner, name: old?.name ?? name, type: type, size: call.request.body.count, includeOnline: online,
            content: content)
        contents.add(content, call.request.body)
        attachmentsTable.put(row)
        return Self.envelope("Attachments", [Self.json(row)], call)
    }

    private func list(_ owner: String) -> [XeroAttachment] { attachmentsTable.find("owner:" + owner) }

    /// What a document says of its attachments: whether there are any, and which when it is read alone.
    func tell(attachments endpoint: String, _ id: String, alone: Bool, _ out: inout XeroMembers) {
        let rows = list("\(endpoint)/\(id)")
        out.flag("HasAttachments", !rows.isEmpty)
        if alone, !rows.isEmpty { out.set("Attachments", .array(rows.map(Self.json))) }
    }

    private static func json(_ row: XeroAttachment) -> JSON {
        var out = XeroMembers()
        out.text("AttachmentID", row.id)
        out.text("FileName", row.name)
        let path = row.name.split(separator: "/").map { Form.percent(String($0)) }.joined(separator: "/")
        out.text("Url", "https://api.xero.com/api.xro/2.0/\(row.owner)/Attachments/\(path)")
        out.text("MimeType", row.type)
        out.set("ContentLength", .number("\(row.size)"))
        out.flag("IncludeOnline", row.includeOnline)
        return out.json
    }
}
