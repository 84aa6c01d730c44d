internal import Kernel
internal import TwinKit
internal import Wire

/// One list of the company: its objects, the order they came in, and what was deleted when.
struct QBOTable: Sendable {
    private(set) var rows: [String: JSON] = [:]
    /// Ids in the order of creation; deleted ones stay until the next `compact`.
    private(set) var order: [String] = []
    private(set) var tombstones: [String: String] = [:]
    private var byNumber: [String: [String]] = [:]
    private var byName: [String: String] = [:]

    mutating func put(_ id: String, _ object: JSON) {
        if let old = rows[id] { forget(id, old) } else { order.append(id) }
        rows[id] = object
        if let number = object.text("DocNumber") { byNumber[number, default: []].append(id) }
        if let name = Self.name(object) { byName[name] = id }
    }

    mutating func remove(_ id: String, at time: String) {
        guard let old = rows.removeValue(forKey: id) else { return }
        forget(id, old)
        order.removeAll { $0 == id }
        tombstones[id] = time
    }

    private mutating func forget(_ id: String, _ old: JSON) {
        if let number = old.text("DocNumber") { byNumber[number]?.removeAll { $0 == id } }
        if let name = Self.name(old), byName[name] == id { byName[name] = nil }
    }

    /// Ids of the objects with that document number.
    func numbered(_ number: String) -> [String] { byNumber[number] ?? [] }

    /// The object that bears this name (of people and things; case does not tell names apart).
    func named(_ name: String) -> String? { byName[name.lowercased()] }

    var all: [JSON] { order.compactMap { rows[$0] } }

    private static func name(_ object: JSON) -> String? {
        (object.text("DisplayName") ?? object.text("Name"))?.lowercased()
    }
}

/// The state of the one company: what replaying its journal gives. Changes go through `put` and `remove`, which note
/// them for the journal; balances and links follow from the payments, so that books and objects can't disagree.
struct QBOCompany: Sendable {
    static let realm = "9130350000000001"
    static let name = "Prairie Goods LLC"

    private(set) var tables: [QBOKind: QBOTable] = [:]
    private var lastID: [String: Int] = [:]
    /// What payments, of customers and to vendors, apply to each transaction: id of the transaction -> id of the payment -> cents.
    private(set) var applications: [String: [String: Int64]] = [:]
    var grants = QBOGrants()
    private(set) var replies = QBOReplies()
    /// Records that the current request has made and the journal has not seen.
    private(set) var pending: [JSON] = []
    /// The moment of the current request.
    var now = Timestamp(seconds: 0)
    /// The host by which the current request came, for addresses in answers.
    var host = ""
    /// What the current request changed, for webhooks.
    private(set) var events: [QBOEvent] = []
    private(set) var hook: QBOHook?
    var queue = WebhookQueue()
    var contents = TwinContents()
    private(set) var meter = QBOMeter()

    let country: QuickBooksOnlineCountry

    init(_ country: QuickBooksOnlineCountry = .unitedStates, name: String? = nil) {
        self.country = country
        for (kind, object) in QBOSeed.objects(country, name: name ?? country.companyName) {
            store(kind, object.text("Id") ?? "", object)
        }
    }

    // MARK: - Reading

    func object(_ kind: QBOKind, _ id: String) -> JSON? { tables[kind]?.rows[id] }
    func table(_ kind: QBOKind) -> QBOTable { tables[kind] ?? QBOTable() }

    /// Cents that payments apply to this transaction.
    func applied(to id: String) -> Int64 { (applications[id] ?? [:]).values.reduce(0, +) }

    /// The kind under which a transaction id is stored; ids are unique over all transactions.
    func transaction(_ id: String, _ kinds: [QBOKind]) -> (kind: QBOKind, object: JSON)? {
        for kind in kinds {
            if let object = object(kind, id) { return (kind, object) }
        }
        return nil
    }

    var preferences: JSON { object(.preferences, "1") ?? [:] }

    /// The last closed day.
    var closedThrough: LocalDate? {
        preferences.member("AccountingInfoPrefs", "BookCloseDate")?.string.flatMap { LocalDate($0) }
    }

    // MARK: - Writing

    mutating func nextID(_ kind: QBOKind) -> String { String((lastID[kind.sequence] ?? 0) + 1) }

    /// - operation: what webhooks call it, where it is neither a creation nor an update.
    mutating func put(_ kind: QBOKind, _ id: String, _ object: JSON, as operation: QBOOperation? = nil) {
        tell(kind, id, operation ?? (self.object(kind, id) == nil ? .create : .update))
        putQuietly(kind, id, object)
    }

    /// A change that no webhook tells of.
    mutating func putQuietly(_ kind: QBOKind, _ id: String, _ object: JSON) {
        store(kind, id, object)
        pending.append(["t": .string(kind.rawValue), "id": .string(id), "v": object])
    }

    /// - merged: the object that took this one's place; webhooks tell of that one, then.
    mutating func remove(_ kind: QBOKind, _ id: String, mergedInto merged: String? = nil) {
        if let merged { tell(kind, merged, .merge, deleted: id) } else { tell(kind, id, .delete) }
        let time = QBOTime.stamp(now)
        drop(kind, id, at: time)
        pending.append(["t": .string(kind.rawValue), "id": .string(id), "deleted": .string(time)])
    }

    /// One event for each object that a request changes: the last that happened to it, but a new one stays new.
    private mutating func tell(_ kind: QBOKind, _ id: String, _ operation: QBOOperation, deleted: String? = nil) {
        guard kind.isInWebhooks else { return }
        var event = QBOEvent(kind: kind, id: id, operation: operation, deleted: deleted)
        if let place = events.firstIndex(where: { $0.kind == kind && $0.id == id && $0.deleted == nil }), deleted == nil {
            if operation == .update { event.operation = events[place].operation }
            events.remove(at: place)
        }
        events.append(event)
    }

    mutating func subscribe(_ hook: QBOHook?) {
        self.hook = hook
        if hook == nil { queue.removeAll() }
        pending.append(QBOHook.record(hook))
    }

    /// Counts reads against the month's allowance; false when they go beyond it.
    mutating func read(_ count: Int, allowance: Int) -> Bool {
        let admitted = meter.admit(count, month: String(QBOTime.stamp(now).prefix(7)), allowance: allowance)
        // Only what is spent is kept: reads are too many to write each down.
        if !admitted, meter.isNews {
            meter.isNews = false
            pending.append(meter.record)
        }
        return admitted
    }

    mutating func spendReads(left: Int, allowance: Int) {
        meter.set(max(0, allowance - left), month: String(QBOTime.stamp(now).prefix(7)))
        pending.append(meter.record)
    }

    mutating func remember(_ requestID: String, _ reply: QBOReply) {
        replies.add(requestID, reply)
        pending.append(reply.record(requestID))
    }

    mutating func changeGrants(_ change: QBOGrantChange) {
        grants.apply(change)
        pending.append(change.record)
    }

    /// The records of this request as one line of the journal, so that a crash keeps all of them or none; contents of files go before it.
    mutating func takePending(_ random: any RandomSource) -> [JSON] {
        if let hook, let body = hook.body(events.filter { hook.wants($0.kind) }, at: now, random) {
            queue.add(random.bytes(12).hexText, body, due: now)
        }
        let records = pending + queue.changes
        let pieces = contents.changes
        (pending, events) = ([], [])
        queue.commit()
        contents.commit()
        return pieces + (records.count > 1 ? [["t": "Commit", "v": .array(records)]] : records)
    }

    // MARK: - Replay

    /// Puts one record of the journal back into the state. Records of an unknown kind are left out.
    mutating func apply(_ record: JSON) {
        guard let tag = record["t"]?.string else { return }
        switch tag {
        case "Commit":
            for part in record["v"]?.array ?? [] { apply(part) }
        case QBOReply.tag:
            if let (id, reply) = QBOReply.read(record) { replies.add(id, reply) }
        case QBOGrantChange.tag:
            if let change = QBOGrantChange(record) { grants.apply(change) }
        case QBOHook.tag: hook = QBOHook(record)
        case QBOMeter.tag: meter = QBOMeter(record)
        default:
            if queue.replay(record) || contents.replay(record) { return }
            guard let kind = QBOKind(name: tag), let id = record["id"]?.string else { return }
            if let time = record["deleted"]?.string {
                drop(kind, id, at: time)
            } else if let object = record["v"] {
                store(kind, id, object)
            }
        }
    }

    private mutating func store(_ kind: QBOKind, _ id: String, _ object: JSON) {
        if kind.isSettlement { reapply(kind, id, object) }
        tables[kind, default: QBOTable()].put(id, object)
        if let number = Int(id) { lastID[kind.sequence] = max(lastID[kind.sequence] ?? 0, number) }
    }

    private mutating func drop(_ kind: QBOKind, _ id: String, at time: String) {
        if kind.isSettlement { reapply(kind, id, nil) }
        tables[kind]?.remove(id, at: time)
    }

    /// Replaces what a payment applies by what it applies now.
    private mutating func reapply(_ kind: QBOKind, _ payment: String, _ object: JSON?) {
        for line in QBOLink.of(self.object(kind, payment)) {
            applications[line.id]?[payment] = nil
            if applications[line.id]?.isEmpty == true { applications[line.id] = nil }
        }
        for line in QBOLink.of(object) { applications[line.id, default: [:]][payment, default: 0] += line.cents }
    }
}

/// One application of a payment: which transaction, how much of it.
struct QBOLink: Sendable, Equatable {
    var id: String
    var type: String
    var cents: Int64

    /// The applications of a stored payment.
    static func of(_ payment: JSON?) -> [QBOLink] {
        (payment?["Line"]?.array ?? []).compactMap { line in
            guard let link = line["LinkedTxn"]?[0], let id = link.text("TxnId"), let type = link.text("TxnType") else {
                return nil
            }
            return QBOLink(id: id, type: type, cents: line.storedCents("Amount"))
        }
    }
}

/// An answer kept for its `requestid`.
struct QBOReply: Sendable {
    static let tag = "Reply"
    var status: Int
    var body: [UInt8]

    func record(_ id: String) -> JSON {
        [
            "t": .string(Self.tag), "id": .string(id), "status": .number(String(status)),
            "body": .string(String(decoding: body, as: UTF8.self)),
        ]
    }

    static func read(_ record: JSON) -> (id: String, reply: QBOReply)? {
        guard let id = record["id"]?.string, let status = record["status"]?.int, let body = record["body"]?.string
        else { return nil }
        return (id, QBOReply(status: status, body: Array(body.utf8)))
    }
}

/// Answers by `requestid`, the oldest forgotten beyond a limit.
/// The vendor does not publish how long it remembers; this twin forgets by number, never by time.
struct QBOReplies: Sendable {
    static let most = 200_000
    private var byID: [String: QBOReply] = [:]
    private var order: [String] = []
    private var first = 0

    subscript(_ id: String) -> QBOReply? { byID[id] }

    mutating func add(_ id: String, _ reply: QBOReply) {
        if byID.updateValue(reply, forKey: id) == nil { order.append(id) }
        guard order.count - first > Self.most else { return }
        byID[order[first]] = nil
        first += 1
        if first > Self.most {
            order.removeFirst(first)
            first = 0
        }
    }
}
