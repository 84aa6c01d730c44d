internal import Kernel
internal import TwinKit
internal import Wire

/// What the proxy in front of Odoo answers by itself.
enum OdooProxy {
    private static func page(_ status: Int, _ words: String) -> HTTPResponse {
        let head = "<html>\r\n<head><title>\(status) \(words)</title></head>\r\n"
        let text = head + "<body>\r\n<center><h1>\(status) \(words)</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        return HTTPResponse(status, fields: ["Content-Type": "text/html"], body: Array(text.utf8))
    }

    static let tooMany = page(429, "Too Many Requests")
    static let badGateway = page(502, "Bad Gateway")
    static let unavailable = page(503, "Service Temporarily Unavailable")
    static let tooLarge = page(413, "Request Entity Too Large")

    /// What Odoo's own server says of an address it has not.
    static let notFound = HTTPResponse(
        404, fields: ["Content-Type": "text/html; charset=utf-8"],
        body: Array("<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The URL was not found on the server.</p>\n".utf8))

    static func badRequest(_ words: String) -> HTTPResponse {
        let text = "<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n<h1>Bad Request</h1>\n<p>\(words)</p>\n"
        return HTTPResponse(400, fields: ["Content-Type": "text/html; charset=utf-8"], body: Array(text.utf8))
    }
}

/// Calls that are let through: a bucket that fills as time goes on. A flood that goes on against it finds the door shut for a while.
struct OdooMeter: Sendable {
    let limits: OdooLimits
    private var bucket: CallBucket
    private var refused = 0

    init(limits: OdooLimits) {
        self.limits = limits
        bucket = CallBucket(perSecond: limits.callsPerSecond, burst: limits.burst)
    }

    /// `nil` lets the call through.
    mutating func admit(_ now: Timestamp) -> HTTPResponse? {
        guard bucket.admits(now) else {
            refused += 1
            return refused > 2 * limits.burst ? OdooProxy.unavailable : OdooProxy.tooMany
        }
        refused = 0
        return nil
    }
}

/// All databases of the server.
struct OdooState: BooksMemory {
    /// Databases of one server.
    static let most = 64

    var books: [String: OdooDatabase] = [:]
    var meter: OdooMeter
    private var lockDate: LocalDate? = OdooSeed.lockDate
    var pending: [JSON] = []
    /// Writes of ledger documents so far, for conflicts that are planned.
    private var writes = 0

    init(limits: OdooLimits) { meter = OdooMeter(limits: limits) }

    mutating func open(_ name: String) -> Bool {
        if books[name] != nil { return true }
        guard let version = OdooDatabase.version(of: name), books.count < Self.most else { return false }
        books[name] = OdooDatabase(name: name, version: version, lockDate: lockDate)
        return true
    }

    /// The day up to which books are closed, of databases to come as well.
    mutating func setLockDate(_ date: LocalDate?) {
        lockDate = date
        pending.append(.object([("t", "lock"), ("date", .orFalse(date?.description))]))
    }

    // MARK: - Journal

    mutating func replay(_ record: JSON) {
        switch record["t"]?.string {
        case "lock": lockDate = record["date"].flatMap(OdooTime.date)
        case "odoo":
            guard let name = record["db"]?.string, open(name) else { return }
            books[name]?.replay(record)
        default: return
        }
    }

    // MARK: - Calls

    /// Runs one call as one transaction.
    mutating func call(
        _ name: String, as user: Int, context: JSON, at now: Timestamp, random: any RandomSource, _ bind: (OdooMethod) throws(OdooProblem) -> OdooCall,
        model: String, method: String
    ) throws(OdooProblem) -> JSON? {
        guard var database = books.removeValue(forKey: name) else {
            throw OdooProblem(kind: .noDatabase, message: "FATAL:  database \"\(name)\" does not exist\n")
        }
        defer { books[name] = database }
        database.user = user
        database.now = now
        database.context = context
        do throws(OdooProblem) {
            let found = try OdooMethod.find(model, method, database.version)
            let call = try bind(found)
            if found.right != "read", model.hasPrefix("account."), let every = meter.limits.conflictsEvery {
                writes += 1
                if writes % max(1, every) == 0 { throw OdooProblem.concurrent }
            }
            return try database.run(call, found, random)
        } catch {
            database.rollback()
            throw error
        }
    }
}
