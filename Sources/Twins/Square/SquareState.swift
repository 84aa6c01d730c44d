internal import Crypto
internal import Kernel
internal import Wire

/// All the twin remembers.
struct SquareState: Sendable {
    let merchants: [String: SquareMerchant]
    let limits: SquareLimits
    let retries: SquareRetries
    var rows = SquareTable()
    var meter = SquareMeter()
    /// Codes of the consent page, each good for one exchange; they live for minutes and are in no journal.
    var codes: [String: SquareCode] = [:]
    /// Webhooks that are under way.
    var underway: Set<String> = []

    init(merchants: [String: SquareMerchant], limits: SquareLimits, retries: SquareRetries) {
        self.merchants = merchants
        self.limits = limits
        self.retries = retries
    }

    // MARK: Rows

    mutating func insert(_ kind: SquareKind, _ id: String, _ shown: JSON, inner: JSON = .object([]), _ m: SquareMoment) {
        rows.put(SquareRow(id: id, merchant: m.merchant, kind: kind, created: m.at, shown: shown, inner: inner))
    }

    /// Changes a row and returns it as it is now.
    @discardableResult
    mutating func change(_ id: String, _ changes: [(String, JSON)]) -> JSON {
        guard var row = rows[id] else { return .null }
        row.shown = row.shown.setting(changes)
        rows.put(row)
        return row.shown
    }

    mutating func changeInner(_ id: String, _ key: String, _ value: JSON) {
        guard var row = rows[id] else { return }
        row.inner = row.inner.setting([(key, value)])
        rows.put(row)
    }

    func shown(_ id: String) -> JSON { rows[id]?.shown ?? .object([]) }

    /// The row of that kind and merchant.
    func find(_ kind: SquareKind, _ id: String, _ m: SquareMoment) -> SquareRow? {
        guard let row = rows[id], row.kind == kind, row.merchant == m.merchant else { return nil }
        return row
    }

    func merchant(_ m: SquareMoment) -> SquareMerchant { merchants[m.merchant] ?? SquareSeed.nobody }

    /// A location of the caller's; `main` is the main one.
    func location(_ id: String, _ m: SquareMoment, field: String = "location_id") throws(SquareProblem) -> SquareLocation {
        let merchant = merchant(m)
        if id == "main" { return merchant.main }
        guard let found = merchant.locations.first(where: { $0.id == id }) else {
            throw SquareProblem(
                403, "AUTHENTICATION_ERROR", "FORBIDDEN", "You have insufficient permissions to perform that action on location `\(id)`.", field: field)
        }
        return found
    }

    // MARK: What happens by itself

    /// Something that will happen to a row at a time.
    mutating func plan(_ what: String, _ subject: String, at due: Timestamp, _ m: SquareMoment) {
        let inner: JSON = .object([("what", .string(what)), ("subject", .string(subject)), ("due", .minor(due.microseconds))])
        insert(.timer, "timer/\(what)/\(subject)", .object([]), inner: inner, m)
    }

    mutating func unplan(_ what: String, _ subject: String) { rows.remove("timer/\(what)/\(subject)") }

    func nextTimer() -> Timestamp? { rows.all(.timer).map { $0.inner.minor("due") }.min().map { Timestamp(microseconds: $0) } }

    /// Lets everything happen that is due by now, in the order of its time.
    mutating func advance(to now: Timestamp, random: any RandomSource) {
        // A bound: what happens may plan something again, but each kind plans another.
        for _ in 0..<4 {
            let due = rows.all(.timer).filter { $0.inner.minor("due") <= now.microseconds }.sorted { $0.inner.minor("due") < $1.inner.minor("due") }
            guard !due.isEmpty else { return }
            for timer in due {
                rows.remove(timer.id)
                let at = Timestamp(microseconds: timer.inner.minor("due"))
                let subject = timer.inner.text("subject") ?? ""
                let m = SquareMoment(merchant: timer.merchant, at: at, random: random)
                switch timer.inner.text("what") {
                case "fee": chargeFee(subject, m)
                case "refund": settleRefund(subject, m)
                case "delay": endDelay(subject, m)
                case "debit": settleDebit(subject, m)
                default: break
                }
            }
        }
    }
}
