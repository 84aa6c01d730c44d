internal import Crypto
internal import Kernel
internal import Wire

/// What happened to an object, as webhooks call it.
/// - Source: QuickBooks Online docs, "Webhooks".
enum QBOOperation: String, Sendable {
    case create = "Create"
    case update = "Update"
    case delete = "Delete"
    case merge = "Merge"
    case void = "Void"

    /// In the type of a cloud event. All but `created` are inferred: the vendor's pages show that one.
    var past: String {
        switch self {
        case .create: "created"
        case .update: "updated"
        case .delete: "deleted"
        case .merge: "merged"
        case .void: "voided"
        }
    }
}

/// One change for webhooks to tell of.
struct QBOEvent: Sendable {
    var kind: QBOKind
    var id: String
    var operation: QBOOperation
    /// Of a merge: the object that is gone.
    var deleted: String?
}

/// The app's webhook, as set in the vendor's portal: one address for all companies.
struct QBOHook: Sendable, Equatable {
    enum Shape: String, Sendable, CaseIterable {
        /// `{"eventNotifications": […]}`, until July 2026.
        case notifications
        /// An array of CloudEvents 1.0.
        case cloudevents
    }

    static let tag = "Hook"

    var url: String
    var shape: Shape
    var verifier: String
    /// Names of the entities it is for; all that there are where empty.
    var entities: [String]

    func wants(_ kind: QBOKind) -> Bool { entities.isEmpty || entities.contains(kind.rawValue) }

    // MARK: Bodies

    /// What is sent for these events; `nil` where there are none.
    func body(_ events: [QBOEvent], at now: Timestamp, _ random: any RandomSource) -> [UInt8]? {
        guard !events.isEmpty else { return nil }
        return (shape == .notifications ? Self.notifications(events, now) : Self.cloudEvents(events, now, random)).bytes
    }

    private static func notifications(_ events: [QBOEvent], _ now: Timestamp) -> JSON {
        let entities: [JSON] = events.map { event in
            var members: [(key: String, value: JSON)] = [
                ("name", .string(event.kind.rawValue)), ("id", .string(event.id)), ("operation", .string(event.operation.rawValue)),
                ("lastUpdated", .string(milliseconds(now))),
            ]
            if let deleted = event.deleted { members.append(("deletedId", .string(deleted))) }
            return .object(members)
        }
        let notification: JSON = ["realmId": .string(QBOCompany.realm), "dataChangeEvent": ["entities": .array(entities)]]
        return ["eventNotifications": [notification]]
    }

    private static func cloudEvents(_ events: [QBOEvent], _ now: Timestamp, _ random: any RandomSource) -> JSON {
        .array(
            events.map { event in
                let data: JSON = event.deleted.map { .object([("deletedId", .string($0))]) } ?? .object([])
                return [
                    "specversion": "1.0", "id": .string(random.identifier(QBOEvent.self).description),
                    "source": .string("intuit." + Base64.encode(random.bytes(14))),
                    "type": .string("qbo.\(event.kind.rawValue.lowercased()).\(event.operation.past).v1"), "datacontenttype": "application/json",
                    "time": .string(nanoseconds(now, random)), "intuitentityid": .string(event.id), "intuitaccountid": .string(QBOCompany.realm),
                    "data": data,
                ]
            })
    }

    /// `2026-04-20T20:52:31.000Z`.
    private static func milliseconds(_ now: Timestamp) -> String { fraction(now, String((1_000_000 + micros(now)).description.dropFirst().prefix(3))) }

    /// `2026-11-20T21:31:25.179851517Z`.
    private static func nanoseconds(_ now: Timestamp, _ random: any RandomSource) -> String {
        let below = String(1000 + random.number(below: 1000)).dropFirst()
        return fraction(now, String((1_000_000 + micros(now)).description.dropFirst()) + below)
    }

    private static func micros(_ now: Timestamp) -> Int64 { now.microseconds - now.seconds * 1_000_000 }

    private static func fraction(_ now: Timestamp, _ digits: String) -> String {
        "\(Timestamp(seconds: now.seconds).text(offsetSeconds: 0).prefix(19)).\(digits)Z"
    }

    /// The request that carries a body.
    func request(_ body: [UInt8]) -> HTTPRequest {
        let fields: HTTPFields = [
            "Content-Type": "application/json", "User-Agent": "intuit_notification_servicev1.0", "intuit-signature": Self.signature(body, verifier),
        ]
        return HTTPRequest(.post, url, fields: fields, body: body)
    }

    /// - Source: QuickBooks Online docs, "Webhooks", validating the notification: base64 of HMAC-SHA256 over the body, keyed with the verifier token.
    static func signature(_ body: [UInt8], _ verifier: String) -> String { Base64.encode(HMAC.sha256(key: Array(verifier.utf8), body)) }

    // MARK: Journal

    static func record(_ hook: QBOHook?) -> JSON {
        guard let hook else { return ["t": .string(tag)] }
        return [
            "t": .string(tag), "url": .string(hook.url), "shape": .string(hook.shape.rawValue), "verifier": .string(hook.verifier),
            "entities": .array(hook.entities.map(JSON.string)),
        ]
    }

    init(url: String, shape: Shape, verifier: String, entities: [String]) {
        self.url = url
        self.shape = shape
        self.verifier = verifier
        self.entities = entities
    }

    init?(_ record: JSON) {
        guard let url = record["url"]?.string, let shape = record["shape"]?.string.flatMap({ Shape(rawValue: $0) }),
            let verifier = record["verifier"]?.string
        else { return nil }
        self.init(url: url, shape: shape, verifier: verifier, entities: (record["entities"]?.array ?? []).compactMap(\.string))
    }
}

/// Reads of a calendar month, which the vendor meters for each app.
/// - Source: Intuit App Partner Program: "CorePlus" calls; blocked with 429 until the next month when the allowance is spent.
struct QBOMeter: Sendable {
    static let tag = "Meter"

    private var month = ""
    private var used = 0
    /// Spent since the journal last heard of it.
    var isNews = true

    init() {}

    mutating func admit(_ count: Int, month: String, allowance: Int) -> Bool {
        if self.month != month { set(0, month: month) }
        // An allowance without end is not counted against.
        guard count > 0, allowance < .max else { return true }
        guard used <= allowance - count else { return false }
        used += count
        return true
    }

    mutating func set(_ used: Int, month: String) {
        self.month = month
        self.used = used
        isNews = true
    }

    var record: JSON { ["t": .string(Self.tag), "month": .string(month), "used": .number("\(used)")] }

    init(_ record: JSON) {
        month = record["month"]?.string ?? ""
        used = record["used"]?.int ?? 0
        isNews = false
    }
}
