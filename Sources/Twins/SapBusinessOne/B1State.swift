internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// Who is logged in, where, and until when if nothing more is heard.
struct B1Session: Sendable {
    var company: String
    var user: B1User
    var began: Timestamp
    var ends: Timestamp
}

/// All companies behind the balancer, and who is logged in to them. Sessions are the nodes' own: they end when the sandbox does.
struct B1State: BooksMemory {
    /// Companies of one server.
    static let most = 64

    let limits: SapBusinessOneLimits
    var books: [String: B1Company] = [:]
    var sessions: [String: B1Session] = [:]
    private var locked: LocalDate? = B1Seed.locked
    /// Accounts that the bookkeeper has ended, in companies to come as well.
    private var inactive: Set<String> = []
    var pending: [JSON] = []
    private var writes = 0

    init(limits: SapBusinessOneLimits) { self.limits = limits }

    /// True where the company is there, or could be made.
    mutating func open(_ name: String) -> Bool {
        if books[name] != nil { return true }
        guard B1Company.exists(name), books.count < Self.most else { return false }
        books[name] = B1Company(name: name, locked: locked, inactive: inactive)
        return true
    }

    mutating func setActive(_ code: String, _ active: Bool) {
        if active { inactive.remove(code) } else { inactive.insert(code) }
        pending.append(.object([("t", "account"), ("code", .string(code)), ("active", .bool(active))]))
        each { $0.setActive(code, active) }
    }

    /// Locks periods, those of companies to come as well.
    mutating func lock(_ date: LocalDate?) {
        locked = date
        pending.append(.object([("t", "locked"), ("date", .optional(date?.description))]))
        each { $0.lock(date) }
    }

    /// True where two writes are to meet and this one loses.
    mutating func meetsAnother() -> Bool {
        guard let every = limits.conflictsEvery else { return false }
        writes += 1
        return writes % max(1, every) == 0
    }

    // MARK: - Sessions

    mutating func login(_ body: JSON?, at now: Timestamp, _ random: any RandomSource) throws(B1Problem) -> String {
        let (database, name) = (body?["CompanyDB"]?.string ?? "", body?["UserName"]?.string ?? "")
        guard let user = B1User(rawValue: name), open(database),
            constantTimeEquals(Array((body?["Password"]?.string ?? "").utf8), Array(SapBusinessOneTwin.password.utf8))
        else { throw .login }
        sessions = sessions.filter { $0.value.ends > now }
        // Every session takes a licensed user's place.
        guard sessions.count < limits.sessions else { throw B1Problem(305, "Switch company error: -1102", status: 500) }
        let id = Self.identifier(random)
        sessions[id] = B1Session(company: database, user: user, began: now, ends: now + limits.session)
        return id
    }

    /// The session that a request belongs to, which lives on from now.
    mutating func session(_ request: HTTPRequest, at now: Timestamp) throws(B1Problem) -> B1Session {
        guard let id = Self.cookie("B1SESSION", request), var session = sessions[id], session.ends > now else { throw .session }
        session.ends = now + limits.session
        sessions[id] = session
        return session
    }

    /// As the nodes write them: a GUID.
    private static func identifier(_ random: any RandomSource) -> String {
        let text = random.bytes(16).hexText
        return [(0, 8), (8, 4), (12, 4), (16, 4), (20, 12)].map { String(text.dropFirst($0.0).prefix($0.1)) }.joined(separator: "-")
    }

    static func cookie(_ name: String, _ request: HTTPRequest) -> String? {
        for part in request.fields.all("Cookie").flatMap({ $0.split(separator: ";") }) {
            let halves = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            if halves.count == 2, halves[0] == name { return String(halves[1]) }
        }
        return nil
    }

    // MARK: - Journal

    mutating func replay(_ record: JSON) {
        switch record["t"]?.string {
        case "locked": locked = record["date"]?.string.flatMap { LocalDate($0) }
        case "account":
            guard let code = record["code"]?.string, let active = record["active"]?.bool else { return }
            if active { inactive.remove(code) } else { inactive.insert(code) }
        case "b1":
            guard let name = record["c"]?.string, open(name) else { return }
            books[name]?.replay(record)
        default: return
        }
    }
}
