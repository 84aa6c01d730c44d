internal import Kernel
internal import TwinKit
internal import Wire

/// All companies behind the gateway.
struct IntacctState: BooksMemory {
    /// Companies of one gateway.
    static let most = 64

    var books: [String: IntacctCompany] = [:]
    let limits: SageIntacctLimits
    var meter: CallBucket
    private var closed: LocalDate? = IntacctSeed.closed
    /// Accounts that the bookkeeper has ended, in companies to come as well.
    private var inactive: Set<String> = []
    var pending: [JSON] = []
    private var refusals = 0

    init(limits: SageIntacctLimits) {
        self.limits = limits
        meter = CallBucket(perSecond: limits.callsPerSecond, burst: limits.burst)
    }

    /// True where the company is there, or could be made.
    mutating func open(_ name: String) -> Bool {
        if books[name] != nil { return true }
        guard IntacctCompany.exists(name), books.count < Self.most else { return false }
        var company = IntacctCompany(name: name, closed: closed)
        for code in inactive.sorted() { company.setActive(code, false) }
        company.commit()
        books[name] = company
        return true
    }

    mutating func setActive(_ code: String, _ active: Bool, at now: Timestamp) {
        if active { inactive.remove(code) } else { inactive.insert(code) }
        pending.append(.object([("t", "account"), ("code", .string(code)), ("active", .bool(active))]))
        each {
            $0.now = now
            $0.setActive(code, active)
        }
    }

    /// Closes periods, those of companies to come as well.
    mutating func close(_ date: LocalDate?, at now: Timestamp) {
        closed = date
        pending.append(.object([("t", "closed"), ("date", .optional(date?.description))]))
        each {
            $0.now = now
            $0.close(date)
        }
    }

    /// What the vendor's support would find a refusal by.
    mutating func support() -> String {
        refusals += 1
        return "sandbox%7E\(refusals)"
    }

    // MARK: - Journal

    mutating func replay(_ record: JSON) {
        switch record["t"]?.string {
        case "closed": closed = record["date"]?.string.flatMap { LocalDate($0) }
        case "account":
            guard let code = record["code"]?.string, let active = record["active"]?.bool else { return }
            if active { inactive.remove(code) } else { inactive.insert(code) }
        case "intacct":
            guard let name = record["c"]?.string, open(name) else { return }
            books[name]?.replay(record)
        default: return
        }
    }
}
