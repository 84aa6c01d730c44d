internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// The app's webhook, as set in the developer portal for all organisations.
struct XeroHook: XeroRow {
    static let kind = "Webhook subscription"
    static let one = "webhook"

    enum Status: String, Sendable {
        /// The receiver's answers to right and wrong signatures are awaited.
        case pending
        case ok
        /// It took a wrong signature for right, or a right one for wrong, or did not answer.
        case failed
        /// Events could not be delivered for a day.
        case disabled
    }

    var id: String { Self.one }
    var url: String
    var key: String
    var categories: [String]
    var status = Status.pending
    /// Number of the last event.
    var sequence = 0

    init(url: String, key: String, categories: [String]) {
        self.url = url
        self.key = key
        self.categories = categories
    }

    var stored: JSON {
        .object([
            ("url", .string(url)), ("key", .string(key)), ("categories", .array(categories.map(JSON.string))), ("status", .string(status.rawValue)),
            ("sequence", .number("\(sequence)")),
        ])
    }

    init?(stored: JSON) {
        guard let url = stored["url"]?.string, let key = stored["key"]?.string else { return nil }
        self.init(url: url, key: key, categories: (stored["categories"]?.array ?? []).compactMap(\.string))
        status = stored["status"]?.string.flatMap { Status(rawValue: $0) } ?? .pending
        sequence = stored["sequence"]?.int ?? 0
    }

    /// - Source: developer.xero.com, "Configuring your server": base64 of HMAC-SHA256 over the body, keyed with the app's webhook key.
    static func signature(_ body: [UInt8], _ key: String) -> String { Base64.encode(HMAC.sha256(key: Array(key.utf8), body)) }
}

/// Webhooks: what they tell, and their way to the app.
/// - Source: xero-webhooks.yaml; developer.xero.com, "Configuring your server".
extension XeroState {
    static let categories = ["CONTACT", "CREDITNOTE", "INVOICE", "SUBSCRIPTION"]
    /// Events in one body.
    static let eventsMost = 100
    private static let (rightNote, wrongNote, eventsNote) = ("intent right", "intent wrong", "events")

    var hook: XeroHook? { hooks[XeroHook.one].flatMap { $0.url.isEmpty ? nil : $0 } }

    /// Sends the bodies that only a receiver that checks signatures answers as the vendor wants: at least one right, at least one wrong, in any order.
    mutating func askIntent(_ random: any RandomSource) {
        guard var hook else { return }
        queue.removeAll()
        hook.status = .pending
        hooks.put(hook)
        var notes = [Self.rightNote, Self.wrongNote]
        for _ in 0 ..< 2 { notes.append(random.number(below: 2) == 0 ? Self.rightNote : Self.wrongNote) }
        while !notes.isEmpty {
            let note = notes.remove(at: Int(random.number(below: UInt64(notes.count))))
            queue.add(random.bytes(12).hexText, Self.body([], first: 0, last: 0, Self.entropy(random)), note: note, due: now)
        }
    }

    private static func entropy(_ random: any RandomSource) -> String {
        String(decoding: (0 ..< 20).map { _ in UInt8(65 + random.number(below: 26)) }, as: UTF8.self)
    }

    private static func body(_ events: [JSON], first: Int, last: Int, _ entropy: String) -> [UInt8] {
        JSON.object([
            ("events", .array(events)), ("firstEventSequence", .number("\(first)")), ("lastEventSequence", .number("\(last)")),
            ("entropy", .string(entropy)),
        ]).bytes
    }

    /// Puts what the current call changed into a body: into the one that still waits, while there is room in it.
    mutating func tellWebhook(_ random: any RandomSource) {
        guard var hook, hook.status == .ok else { return }
        let fresh = changedEvents().filter { event in hook.categories.contains(event["eventCategory"]?.string ?? "") }
        guard !fresh.isEmpty else { return }
        let first = hook.sequence + 1
        hook.sequence += fresh.count
        hooks.put(hook)
        if let waiting = queue.all.last, waiting.note == Self.eventsNote, let body = try? JSON(parsing: waiting.body), let old = body["events"]?.array,
            old.count + fresh.count <= Self.eventsMost
        {
            let start = body["firstEventSequence"]?.int ?? first
            let whole = Self.body(old + fresh, first: start, last: hook.sequence, body["entropy"]?.string ?? "")
            if queue.amend(waiting.id, whole) { return }
        }
        queue.add(random.bytes(12).hexText, Self.body(fresh, first: first, last: hook.sequence, Self.entropy(random)), note: Self.eventsNote, due: now)
    }

    private func changedEvents() -> [JSON] {
        let papers = documents.touched.compactMap { change in documents[change.id].map { (row: $0, isNew: change.isNew) } }
        let people = contacts.touched.map { Self.event("Contacts", "CONTACT", $0.id, isNew: $0.isNew, nil, now) }
        return people
            + papers.map { paper in
                guard paper.row.family == .creditNote else { return Self.event("Invoices", "INVOICE", paper.row.id, isNew: paper.isNew, nil, now) }
                let data: JSON = .object([("Type", .string(paper.row.type)), ("Status", .string(paper.row.status))])
                return Self.event("CreditNotes", "CREDITNOTE", paper.row.id, isNew: paper.isNew, data, now)
            }
    }

    private static func event(_ endpoint: String, _ category: String, _ id: String, isNew: Bool, _ data: JSON?, _ now: Timestamp) -> JSON {
        let micros = String(1_000_000 + now.microseconds - now.seconds * 1_000_000)
        var out = XeroMembers()
        out.text("resourceUrl", "https://api.xero.com/api.xro/2.0/\(endpoint)/\(id)")
        out.text("resourceId", id)
        out.text("tenantId", XeroSeed.tenant)
        out.text("tenantType", "ORGANISATION")
        out.text("eventCategory", category)
        out.text("eventType", isNew ? "CREATE" : "UPDATE")
        out.text("eventDateUtc", "\(XeroDate.seconds(now).dropLast()).\(micros.dropFirst().prefix(3))")
        out.set("data", data)
        return out.json
    }

    // MARK: Deliveries

    mutating func takeWebhooks(at now: Timestamp, most: Int) -> [DueWebhook] {
        guard let hook else { return [] }
        return queue.take(at: now, most: most, inOrder: false).map { item in
            let key = item.note == Self.wrongNote ? hook.key + item.id : hook.key
            let fields: HTTPFields = ["Content-Type": "application/json; charset=utf-8", "x-xero-signature": XeroHook.signature(item.body, key)]
            return DueWebhook(id: item.id, request: HTTPRequest(.post, hook.url, fields: fields, body: item.body))
        }
    }

    /// 200 acknowledges what is rightly signed, and nothing but 401 answers what is not.
    mutating func settleWebhook(_ id: String, status: Int?, at now: Timestamp, waits: WebhookWaits) {
        guard let item = queue[id], var hook else { return }
        guard item.note != Self.eventsNote else {
            if queue.settle(id, acknowledged: status == 200, at: now, waits: waits) { return }
            hook.status = .disabled
            hooks.put(hook)
            queue.removeAll()
            return
        }
        guard status == (item.note == Self.rightNote ? 200 : 401) else {
            hook.status = .failed
            hooks.put(hook)
            queue.removeAll()
            return
        }
        _ = queue.settle(id, acknowledged: true, at: now, waits: waits)
        if queue.all.isEmpty {
            hook.status = .ok
            hooks.put(hook)
        }
    }
}
