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
struct FAState: TabledMemory {
    var rows = TwinTable<FARow>()
    var meter: FAMeter
    /// They live for minutes and are in no journal.
    var codes: [String: FACode] = [:]

    init(limits: FreeAgentLimits) {
        meter = FAMeter(limits: limits)
        // What is there from the beginning is in no journal.
        for row in FASeed.rows { rows.put(row) }
        rows.commit()
    }

    /// The row, unless it was deleted.
    func find(_ kind: FAKind, _ name: String) -> FARow? {
        guard let row = rows[FARow.key(kind, name)], !row.gone else { return nil }
        return row
    }

    /// Oldest first, deleted ones left out.
    func all(_ kind: FAKind) -> [FARow] { rows.all(on: kind).filter { !$0.gone } }

    mutating func delete(_ row: FARow, at now: Timestamp) {
        var gone = row
        gone.gone = true
        gone.updated = now
        rows.put(gone)
    }

    /// The next number of a kind; none is given out twice.
    mutating func next(_ kind: FAKind, at now: Timestamp) -> String {
        var counter = find(.counter, kind.rawValue) ?? FARow(.counter, kind.rawValue, at: now)
        let number = counter.cents("last") + 1
        counter.set("last", cents: number)
        rows.put(counter)
        return "\(number)"
    }

    // MARK: - Locks

    private var settings: FARow { find(.setting, "company") ?? FARow(.setting, "company", at: FASeed.founded) }

    /// The books are closed up to and including this day: a filed return, or accounts that were made final.
    var lockedUntil: LocalDate? { settings.date("locked_until") }

    mutating func lock(until date: LocalDate?) {
        var row = settings
        row.set("locked_until", date)
        rows.put(row)
    }

    func isLocked(_ date: LocalDate?) -> Bool {
        guard let lockedUntil, let date else { return false }
        return date <= lockedUntil
    }

    mutating func setActive(_ code: String, _ active: Bool) {
        if code.hasPrefix("750-"), var account = find(.bankAccount, String(code.dropFirst(4))) {
            account.set("status", active ? "active" : "hidden")
            rows.put(account)
        } else if var category = rows[FARow.key(.category, code)] {
            category.gone = !active
            rows.put(category)
        }
    }

    mutating func revokeSessions() {
        for session in all(.session) { rows.remove(session.key) }
    }
}
