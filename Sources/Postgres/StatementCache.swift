/// A statement as the server knows it: its text and the types of its binds.
struct StatementKey: Hashable, Sendable {
    var text: String
    var types: [UInt32]
}

/// Which statements one connection has prepared; bounded, the least recently used goes first.
/// A statement is prepared when it is seen the second time: most of those seen once never come back.
struct StatementCache: Sendable {
    enum Plan: Equatable {
        /// Parse, bind and execute at once.
        case unnamed
        /// Prepare under this name in the same unit, then execute it.
        case prepare(String)
        case prepared(String)
    }

    private enum State { case seen, pending(unit: UInt64), ready }
    private struct Entry {
        var name: String
        var state: State
        var used: UInt64
    }

    let capacity: Int
    private var entries: [StatementKey: Entry] = [:]
    private var clock: UInt64 = 0
    /// Names the server still holds though we no longer use them.
    private(set) var retired: [String] = []

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { entries.count }

    /// How a unit should run the statement. Another unit's preparation counts only once it is confirmed: it may yet
    /// fail.
    mutating func plan(_ key: StatementKey, unit: UInt64) -> Plan {
        guard capacity > 0 else { return .unnamed }
        clock += 1
        guard var entry = entries[key] else {
            if entries.count >= capacity { evict() }
            if entries.count < capacity { entries[key] = Entry(name: "cf\(clock)", state: .seen, used: clock) }
            return .unnamed
        }
        entry.used = clock
        defer { entries[key] = entry }
        switch entry.state {
        case .seen:
            entry.state = .pending(unit: unit)
            return .prepare(entry.name)
        case .pending(let owner): return owner == unit ? .prepared(entry.name) : .unnamed
        case .ready: return .prepared(entry.name)
        }
    }

    mutating func confirm(_ key: StatementKey) { entries[key]?.state = .ready }

    /// The preparation failed or never ran: the server knows no such name.
    mutating func forget(_ key: StatementKey) { entries[key] = nil }

    /// What the name stands for is of no more use. `known`: the server holds it still, and is to be told; it fails whoever
    /// asks it to let go of a name that it does not hold. The statement may have a new name by now, which stays.
    mutating func retire(_ key: StatementKey, _ name: String, known: Bool) {
        guard let entry = entries[key], entry.name == name else { return }
        entries[key] = nil
        if known, case .ready = entry.state { retired.append(name) }
    }

    mutating func takeRetired() -> [String] {
        defer { retired = [] }
        return retired
    }

    private mutating func evict() {
        var oldest: (key: StatementKey, entry: Entry)?
        for (key, entry) in entries {
            if case .pending = entry.state { continue }
            if entry.used < oldest?.entry.used ?? .max { oldest = (key, entry) }
        }
        guard let oldest else { return }
        entries[oldest.key] = nil
        if case .ready = oldest.entry.state { retired.append(oldest.entry.name) }
    }
}
