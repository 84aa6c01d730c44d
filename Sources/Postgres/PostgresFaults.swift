package import Kernel

/// What the server said about a failed statement, without DETAIL, HINT and CONTEXT: those can hold row values.
package struct ServerError: Sendable, Equatable {
    /// Five characters, as in the manual's appendix A; empty when libpq itself gave up.
    package var sqlstate: String
    var message: String
    var constraint: String?
    var table: String?
    var column: String?
    /// The session ended with this error.
    var fatal: Bool
    /// The server's own function that reported it. Unlike the message it is in no language.
    var routine: String

    package init(
        sqlstate: String, message: String, constraint: String? = nil, table: String? = nil, column: String? = nil, fatal: Bool = false, routine: String = ""
    ) {
        self.sqlstate = sqlstate
        self.message = message
        self.constraint = constraint
        self.table = table
        self.column = column
        self.fatal = fatal
        self.routine = routine
    }

    /// The kept plan no longer fits the tables, or the server has forgotten the statement: parsing it anew mends it.
    ///
    /// 0A000 stands for many things; this one is known by where it comes from, for its words follow the server's `lc_messages`.
    /// - Source: src/backend/utils/cache/plancache.c, versions 9.2 to 18.
    var isStaleStatement: Bool { isUnknownStatement || (sqlstate == "0A000" && routine == "RevalidateCachedQuery") }

    /// The server holds no prepared statement of that name.
    var isUnknownStatement: Bool { sqlstate == "26000" }

    /// - Source: PostgreSQL manual, appendix A, "PostgreSQL Error Codes".
    package var fault: Fault {
        let (code, disposition, remedy) = verdict
        return Fault(
            code, stage: .database, disposition: disposition, summary: safeMessage, remedy: remedy, position: constraint ?? column,
            retryAfter: disposition == .wait ? .seconds(PostgresLimits.refusedWritesSeconds) : nil,
            underlying: sqlstate.isEmpty ? nil : "SQLSTATE \(sqlstate)")
    }

    private var verdict: (String, Fault.Disposition, String) {
        switch sqlstate {
        case "23505": return ("unique_violation", .bug, "")
        case "23503": return ("foreign_key_violation", .bug, "")
        case "23514": return ("check_violation", .bug, "")
        case "25006": return ("database_refuses_writes", .wait, "Point the database URL at the primary")
        // The last two end the session: a limit of the server's own on transactions, idle or not.
        case "25P02", "25P03", "25P04": return ("transaction_aborted", .retry, "Run the whole transaction again")
        case "42501": return ("permission_denied", .bug, "Grant the role what the statement needs")
        case _ where isStaleStatement: return ("stale_statement", .retry, "Run it again")
        // Of engines that can't tell whether a commit came through; PostgreSQL itself says neither.
        case "08007", "40003": return (PostgresFaults.commitUnknown.code, .retry, PostgresFaults.commitUnknown.remedy)
        case "55P03", "55006", "57014", "72000": return ("sql_\(sqlstate)", .retry, "")
        case "": return ("connection_lost", .retry, "")
        default: break
        }
        switch sqlstate.prefix(2) {
        case "08": return ("connection_lost", .retry, "")
        case "40": return ("serialization", .retry, "Run the whole transaction again")
        case "53": return ("database_refuses_writes", .wait, "Free disk space, memory or connections on the database server")
        case "28": return ("login_refused", .reauthorise, "Check the role and its password")
        case "57" where sqlstate.hasPrefix("57P"): return ("database_down", .retry, "")
        case "58": return ("sql_\(sqlstate)", .retry, "Look at the database server's log")
        default: return ("sql_\(sqlstate)", .bug, "")
        }
    }

    /// Class 22 messages quote the offending value (`invalid input syntax for type integer: "…"`): everything between
    /// the first and the last quote goes. Others quote names only. Where the rest is not ASCII the server speaks another
    /// language, which may have quotes of its own (»…«): nobody knows where the value is, so none of it is repeated.
    private var safeMessage: String {
        guard sqlstate.hasPrefix("22") else { return message }
        var told = message
        if let from = message.firstIndex(of: "\""), let to = message.lastIndex(of: "\""), from < to {
            guard message[..<from].utf8.allSatisfy({ $0 < 128 }), message[to...].utf8.allSatisfy({ $0 < 128 }) else { return Self.untold }
            told = message[...from] + "…" + message[to...]
        } else if !message.utf8.allSatisfy({ $0 < 128 }) {
            return Self.untold
        }
        return told
    }

    private static let untold = "the database refused a value; its words are left out, for they may hold it"

    /// A failed attempt to connect where another attempt can't help before somebody acts.
    var isRefusal: Bool { ["28", "3D", "42", "3F"].contains(sqlstate.prefix(2)) }

    /// libpq gives no fields for a failed connection, only verbose text: `… failed: FATAL:  28P01: password
    /// authentication …`. The severity's word may be translated, so the five characters between `:  ` and `:` are
    /// looked for, the last ones winning.
    package init(connecting text: String) {
        var state = ""
        var said = ""
        for line in text.split(separator: "\n") {
            let b = Array(line.utf8)
            if said.isEmpty { said = String(line) }
            guard b.count > 9 else { continue }
            for i in 0 ..< b.count - 8 where b[i] == 58 && b[i + 1] == 32 && b[i + 2] == 32 && b[i + 8] == 58 {
                let five = b[(i + 3) ..< (i + 8)]
                guard five.allSatisfy({ ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) }) else { continue }
                state = String(decoding: five, as: UTF8.self)
                said = String(decoding: b[(i + 9)...], as: UTF8.self).trimmingPrefix
            }
        }
        self.init(sqlstate: state, message: said.isEmpty ? "the database can't be reached" : said, fatal: true)
    }
}

extension String {
    fileprivate var trimmingPrefix: String { String(drop { $0 == " " }) }
}

/// Faults of our own making.
enum PostgresFaults {
    static let cancelled = Fault(
        "cancelled", stage: .database, disposition: .retry, summary: "the work was cancelled while it waited for the database")
    static let closed = Fault(
        "pool_closed", stage: .database, disposition: .retry, summary: "the connection pool is closed")
    static let full = Fault(
        "pool_full", stage: .database, disposition: .retry, summary: "too many statements wait for a database connection",
        remedy: "Send less at once or enlarge the pool")
    static let busy = Fault(
        "pool_busy", stage: .database, disposition: .retry, summary: "no database connection became free in time",
        remedy: "Look for slow statements and long transactions, or enlarge the pool")
    static let transactionEnded = Fault(
        "transaction_ended", stage: .database, disposition: .bug, summary: "a transaction was used after it had ended",
        remedy: "Await every statement inside the transaction's body")
    static let commitUnknown = Fault(
        "commit_unknown", stage: .database, disposition: .retry,
        summary: "the connection was lost before the answer to COMMIT; the transaction may have been committed",
        remedy: "Read back what it should have written before writing it again")

    static func lost(_ reason: String) -> Fault {
        Fault(
            "connection_lost", stage: .database, disposition: .retry, summary: "the connection to the database was lost",
            underlying: reason.isEmpty ? nil : reason)
    }

    static func down(_ reason: Fault) -> Fault {
        Fault(
            "database_down", stage: .database, disposition: .retry, summary: "the database can't be reached",
            remedy: "Check that it runs and accepts connections", underlying: reason.summary)
    }

    static func statement(_ reason: String) -> Fault {
        Fault("sql_statement", stage: .database, disposition: .bug, summary: reason)
    }
}

/// Bounds of this module.
enum PostgresLimits {
    /// Units (a statement or a batch, each with its own sync) on the wire of one connection.
    static let pipelineDepth = 32
    static let preparedStatements = 256
    /// The protocol counts parameters in 16 bits.
    static let binds = 65_535
    static let bindBytes = 512 << 20
    static let batchStatements = 10_000
    static let waiters = 50_000
    static let backoffFirst_ms = 50
    static let backoffMost_ms = 5_000
    static let closeSeconds = 10
    /// Of a pool's connection that nobody needs, unless it is the last.
    static let poolIdleSeconds = 60
    /// Of any connection of a pool, from its login on.
    static let poolLifeSeconds = 1800
    static let refusedWritesSeconds = 30
    static let notifications = 1_024
    /// Of a COPY, before its reader must have asked for them.
    static let copyPieceBytes = 256 << 10
    /// Reads of the socket for one copy in one turn of the thread.
    static let copyReads = 16
    /// Connections of copies that have ended, kept for the next ones.
    static let copySpares = 2
    static let copySpareSeconds = 10
}
