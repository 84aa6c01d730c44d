internal import Kernel
internal import TwinKit
internal import Wire

/// A code of the authorisation page.
struct FACode: Sendable {
    var user: String
    var redirect: String
    var issued: Timestamp
}

/// All the twin remembers. Changes go through the table, which can undo them until they are in the journal.
struct FAState: Sendable {
    var table = RowTable<FARow>()
    var meter: FAMeter
    /// They live for minutes and are in no journal.
    var codes: [String: FACode] = [:]

    init(limits: FreeAgentLimits) {
        meter = FAMeter(limits: limits)
        for row in FASeed.rows { table.seed(row) }
    }

    /// The row, unless it was deleted.
    func find(_ kind: FAKind, _ key: String) -> FARow? {
        guard let row = table[FARow.id(kind, key)], !row.gone else { return nil }
        return row
    }

    /// Oldest first, deleted ones left out.
    func all(_ kind: FAKind) -> [FARow] { table.all(on: kind).filter { !$0.gone } }

    mutating func delete(_ row: FARow, at now: Timestamp) {
        var gone = row
        gone.gone = true
        gone.updated = now
        table.put(gone)
    }

    /// The next number of a kind; none is given out twice.
    mutating func next(_ kind: FAKind, at now: Timestamp) -> String {
        var counter = find(.counter, kind.rawValue) ?? FARow(.counter, kind.rawValue, at: now)
        let number = counter.cents("last") + 1
        counter.set("last", cents: number)
        table.put(counter)
        return "\(number)"
    }

    // MARK: - Locks

    private var settings: FARow { find(.setting, "company") ?? FARow(.setting, "company", at: FASeed.founded) }

    /// The books are closed up to and including this day: a filed return, or accounts that were made final.
    var lockedUntil: LocalDate? { settings.date("locked_until") }

    mutating func lock(until date: LocalDate?) {
        var row = settings
        row.set("locked_until", date)
        table.put(row)
    }

    func isLocked(_ date: LocalDate?) -> Bool {
        guard let lockedUntil, let date else { return false }
        return date <= lockedUntil
    }

    mutating func setActive(_ code: String, _ active: Bool) {
        if code.hasPrefix("750-"), var account = find(.bankAccount, String(code.dropFirst(4))) {
            account.set("status", active ? "active" : "hidden")
            table.put(account)
        } else if var category = table[FARow.id(.category, code)] {
            category.gone = !active
            table.put(category)
        }
    }

    mutating func revokeSessions() {
        for session in all(.session) { table.remove(session.id) }
    }
}
