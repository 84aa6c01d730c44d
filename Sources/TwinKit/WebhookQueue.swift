public import Kernel
public import Wire

/// How long a vendor waits before it sends a webhook again that nobody acknowledged.
public struct WebhookWaits: Sendable {
    /// After the first attempt, after the second, and so on; the last one is for all that come after.
    public var waits: [Duration]
    /// Attempts in all before the vendor gives up.
    public var attempts: Int

    public init(_ waits: [Duration], attempts: Int = .max) {
        self.waits = waits
        self.attempts = attempts
    }

    /// A vendor's hours are a rehearsal's seconds, and it does not give up.
    public static let rehearsal = WebhookWaits([.milliseconds(250), .milliseconds(500), .seconds(1), .seconds(2), .seconds(5), .seconds(10)])

    /// `nil` where that was the last attempt.
    public func wait(after attempts: Int) -> Duration? {
        guard attempts < self.attempts, let last = waits.last else { return nil }
        return attempts <= waits.count ? waits[max(0, attempts - 1)] : last
    }
}

/// The webhooks of one twin that wait to be sent, and those under way, in the order of their making. A twin writes `changes` into its journal with
/// whatever else a request changed.
public struct WebhookQueue: Sendable {
    public struct Item: Sendable, Equatable {
        public var id: String
        /// What is sent, byte for byte, each time.
        public var body: [UInt8]
        /// What the twin has to remember of it besides.
        public var note: String
        /// Sent so often without being acknowledged.
        public var attempts: Int
        public var due: Timestamp
    }

    private static let tag = "Webhook"

    private var items: [Item] = []
    private var underway: Set<String> = []
    private var records: [JSON] = []
    private var before: [Item]?

    public init() {}

    public var all: [Item] { items }
    public subscript(_ id: String) -> Item? { items.first { $0.id == id } }

    public mutating func add(_ id: String, _ body: [UInt8], note: String = "", due: Timestamp) {
        put(Item(id: id, body: body, note: note, attempts: 0, due: due))
    }

    /// Those that are due and not under way.
    /// - Parameter inOrder: one that waits for its next attempt, or is under way on a later one, holds back all that were made after it.
    public mutating func take(at now: Timestamp, most: Int, inOrder: Bool) -> [Item] {
        var out: [Item] = []
        for item in items where out.count < most {
            if !underway.contains(item.id), item.due <= now {
                out.append(item)
            }
            if inOrder, item.attempts > 0 { break }
        }
        for item in out { underway.insert(item.id) }
        return out
    }

    /// Another body for one that was never taken.
    /// - Returns: false where it was.
    public mutating func amend(_ id: String, _ body: [UInt8]) -> Bool {
        guard !underway.contains(id), var item = self[id], item.attempts == 0 else { return false }
        item.body = body
        put(item)
        return true
    }

    /// - Returns: false where that was the last attempt and it is given up.
    public mutating func settle(_ id: String, acknowledged: Bool, at now: Timestamp, waits: WebhookWaits) -> Bool {
        underway.remove(id)
        guard var item = self[id] else { return true }
        if acknowledged {
            remove(id)
            return true
        }
        item.attempts += 1
        guard let wait = waits.wait(after: item.attempts) else {
            remove(id)
            return false
        }
        item.due = now + wait
        put(item)
        return true
    }

    /// When the next one is due that nobody has taken.
    public func next(inOrder: Bool) -> Timestamp? {
        var out: Timestamp?
        for item in items {
            if !underway.contains(item.id) { out = min(out ?? item.due, item.due) }
            if inOrder, item.attempts > 0 { break }
        }
        return out
    }

    public mutating func removeAll() {
        for item in items { remove(item.id) }
    }

    // MARK: Journal

    /// What the journal has not seen.
    public var changes: [JSON] { records }

    public mutating func commit() {
        records = []
        before = nil
    }

    public mutating func rollback() {
        if let before { items = before }
        commit()
    }

    /// Takes a journal's record in, if it is one of these.
    public mutating func replay(_ record: JSON) -> Bool {
        guard record["t"]?.string == Self.tag else { return false }
        guard let id = record["id"]?.string else { return true }
        let place = items.firstIndex { $0.id == id }
        guard let body = record["body"]?.string, let attempts = record["attempts"]?.int, let due = record["due"]?.int else {
            if let place { items.remove(at: place) }
            return true
        }
        let item = Item(
            id: id, body: Array(body.utf8), note: record["note"]?.string ?? "", attempts: attempts, due: Timestamp(microseconds: Int64(due)))
        if let place { items[place] = item } else { items.append(item) }
        return true
    }

    private mutating func put(_ item: Item) {
        if before == nil { before = items }
        if let place = items.firstIndex(where: { $0.id == item.id }) { items[place] = item } else { items.append(item) }
        records.append([
            "t": .string(Self.tag), "id": .string(item.id), "body": .string(String(decoding: item.body, as: UTF8.self)), "note": .string(item.note),
            "attempts": .number("\(item.attempts)"), "due": .number("\(item.due.microseconds)"),
        ])
    }

    private mutating func remove(_ id: String) {
        if before == nil { before = items }
        items.removeAll { $0.id == id }
        records.append(["t": .string(Self.tag), "id": .string(id)])
    }
}
