public import ConnectorKit
internal import Crypto
public import Kernel
internal import Books
public import Wire

extension QuickBooksOnlineConnector {
    /// - Source: Intuit docs, Change data capture operation: changes within the last 30 days.
    public var changesReach: Duration? { QuickBooksLimits.changesReach }

    /// Change data capture: all kinds of document in one call, which tells whole objects and which are deleted. Its answer ends at 1000 objects and has no
    /// second page, so when it is full each kind is asked for by itself (`cursor`: its place in the list). A kind that fills an answer alone can't be listed
    /// whole: there is only a beginning to choose, and a later one leaves out what came before it.
    /// - Source: Intuit docs, Change data capture operation.
    public func changes(since: Timestamp, cursor: String?, _ connection: ConnectionFacts) -> Exchange<LedgerChanges>? {
        let all = Entity.allCases
        guard let cursor else {
            return captured(all, since, connection).map { seen in
                seen.isFull ? seen.page(next: "0") : seen.page(next: nil)
            }
        }
        guard let place = Int(cursor), all.indices.contains(place) else {
            return .fail(Self.unreadable("there is no page \(cut(cursor, utf16: 20)) of changes"))
        }
        return captured([all[place]], since, connection).map { seen in
            seen.page(next: place + 1 < all.count ? "\(place + 1)" : nil, isWhole: !seen.isFull)
        }
    }

    private func captured(_ entities: [Entity], _ since: Timestamp, _ connection: ConnectionFacts) -> Exchange<Capture> {
        let parameters = [
            ("entities", entities.map(\.rawValue).joined(separator: ",")), ("changedSince", Timestamp(seconds: since.seconds).description),
        ]
        return .one(read("cdc", parameters, connection)) { answer throws(Fault) in try Capture(answer) }
    }
}

/// An answer of change data capture.
struct Capture: Sendable {
    var keys: [PostKey] = []
    var versions: [PostKey: String] = [:]
    /// Ids of objects without a key of ours: deleted, or edited so that it is gone, or somebody else's.
    var others: [String] = []
    var objects = 0
    var at: Timestamp?

    var isFull: Bool { objects >= QuickBooksLimits.changedObjects }

    /// - Throws: `unreadable_answer`: an answer that can't be read must not count as "nothing changed".
    init(_ answer: HTTPResponse) throws(Fault) {
        let root = try JSONDocument(parsing: answer.body).root
        let parts = root["CDCResponse"].elements
        guard !parts.isEmpty else { throw QuickBooksOnlineConnector.unreadable("an answer on changes has no CDCResponse") }
        at = root["time"].string.flatMap { Timestamp(rfc3339: $0) }
        for part in parts {
            guard Problem(part) == nil, part["QueryResponse"].rawBytes.first == UInt8(ascii: "[") else {
                throw QuickBooksOnlineConnector.unreadable("an answer on changes has no QueryResponse")
            }
            for response in part["QueryResponse"].elements {
                guard Problem(response) == nil else { throw QuickBooksOnlineConnector.unreadable("an answer on changes tells of a fault") }
                for entity in Entity.allCases { for object in response[entity.rawValue].elements { try add(object, entity) } }
            }
        }
    }

    private mutating func add(_ object: JSONView, _ entity: Entity) throws(Fault) {
        guard let (id, version) = QuickBooksOnlineConnector.identity(object) else {
            throw QuickBooksOnlineConnector.unreadable("a changed \(entity.rawValue) has no Id")
        }
        objects += 1
        guard object["status"].string != "Deleted", let key = QuickBooksOnlineConnector.key(of: object, entity) else {
            others.append(id)
            return
        }
        // Two of one key: what became of them shows when they are read.
        if keys.contains(key) { versions[key] = nil } else {
            keys.append(key)
            versions[key] = version
        }
    }

    func page(next: String?, isWhole: Bool = true) -> LedgerChanges {
        LedgerChanges(keys: keys, next: next, watermark: at, versions: versions, remoteIDs: others.unique(by: \.self), isWhole: isWhole)
    }
}

// MARK: Webhooks

extension QuickBooksOnlineConnector {
    /// Checks `intuit-signature` (base64 of HMAC-SHA256 over the raw body, keyed with the app's verifier token) in constant time. Reads both shapes: an
    /// object is the old one, an array CloudEvents, which one delivery may mix companies in. A merge is two notices: one went into the other.
    /// - Source: Intuit docs, Webhooks; Intuit blog, Upcoming change to webhooks payload structure.
    /// - Throws: `unreadable_notice` (hold).
    public func notices(_ fields: HTTPFields, body: [UInt8], secret: Secret) throws(Fault) -> [LedgerNotice]? {
        guard !secret.isEmpty, let signature = fields.only("intuit-signature"), signature.utf8.count <= 200, let stated = Base64.decode(signature),
            constantTimeEquals(stated, HMAC.sha256(key: secret.reveal(), body))
        else { return nil }
        let root: JSONView
        do throws(Fault) { root = try JSONDocument(parsing: body).root } catch { throw Self.unreadableNotice("it is no JSON") }
        let told: [[LedgerNotice]?]
        switch root.rawBytes.first {
        case UInt8(ascii: "["): told = root.elements.map(Self.event)
        case UInt8(ascii: "{"):
            guard root["eventNotifications"].rawBytes.first == UInt8(ascii: "[") else { throw Self.unreadableNotice("it has no eventNotifications") }
            told = root["eventNotifications"].elements.flatMap(Self.entities)
        default: throw Self.unreadableNotice("it is neither an object nor a list")
        }
        // One entry that we don't understand must not keep the others back.
        let read = told.compactMap(\.self)
        guard told.isEmpty || !read.isEmpty else { throw Self.unreadableNotice("none of its entries names a company and an object") }
        return read.flatMap(\.self)
    }

    private static func entities(_ company: JSONView) -> [[LedgerNotice]?] {
        guard let account = company["realmId"].words else { return [nil] }
        return company["dataChangeEvent"]["entities"].elements.map { entity in
            guard let name = entity["name"].string, let id = entity["id"].words else { return nil }
            let at = entity["lastUpdated"].string.flatMap { Timestamp(rfc3339: $0) }
            return Self.notices(account, name, id, entity["operation"].string ?? "", merged: entity["deletedId"].words, at, nil)
        }
    }

    /// `qbo.invoice.updated.v1`.
    private static func event(_ event: JSONView) -> [LedgerNotice]? {
        guard let account = event["intuitaccountid"].words, let id = event["intuitentityid"].words, let type = event["type"].string else { return nil }
        let words = type.split(separator: ".").map(String.init)
        guard words.count >= 3, words[0] == "qbo" else { return nil }
        let at = event["time"].string.flatMap { Timestamp(rfc3339: $0) }
        return notices(account, named(words[1]), id, words[2], merged: event["data"]["deletedId"].words, at, event["id"].string)
    }

    /// The kind as the API writes it, where it is one of ours.
    private static func named(_ word: String) -> String {
        (Entity.allCases.map(\.rawValue) + ["Account", "TaxCode", "Customer", "Vendor", "Item"]).first { $0.lowercased() == word.lowercased() } ?? word
    }

    private static func notices(
        _ account: String, _ object: String, _ id: String, _ operation: String, merged: String?, _ at: Timestamp?, _ delivery: String?
    ) -> [LedgerNotice] {
        let change: LedgerNotice.Change
        switch operation.lowercased() {
        case "create", "created": change = .created
        case "delete", "deleted": change = .deleted
        case "void", "voided": change = .voided
        case "merge", "merged": change = .merged
        // Whatever it was, it is looked at.
        default: change = .updated
        }
        var out = [LedgerNotice(account: account, object: object, remoteID: id, change: change, at: at, id: delivery)]
        if change == .merged, let merged, merged != id {
            out.append(LedgerNotice(account: account, object: object, remoteID: merged, change: .deleted, at: at, id: delivery))
        }
        return out
    }

    private static func unreadableNotice(_ why: String) -> Fault {
        Fault(
            "unreadable_notice", stage: .confirm, disposition: .hold, summary: "a webhook of QuickBooks Online can't be read: \(why)",
            remedy: "Report it with the time: what it tells of shows when the company is asked for its changes.")
    }
}

extension JSONView {
    /// A text, or a number as it is written; `nil` for anything else and for nothing.
    fileprivate var words: String? {
        let text = string ?? int.map { String($0) }
        return text?.isEmpty ?? true ? nil : text
    }
}
