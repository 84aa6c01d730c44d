internal import CLibPQ
internal import Glibc
internal import Kernel

/// One libpq connection in non-blocking pipeline mode. Used by the reactor's thread alone, so it needs no lock; it is
/// not Sendable.
final class Session {
    enum Connecting { case reading, writing, open, failed(ServerError) }

    private let connection: OpaquePointer
    /// PG_DIAG_SEVERITY_NONLOCALIZED.
    private static let severity = Int32(UInt8(ascii: "V"))
    /// The server has ended the session while nothing was in flight.
    private var dismissed = false
    private var copying = false
    private var settling = Settling.settled
    private var lastLayout = Layout()
    private var sending = Sending()

    /// Begins to connect. A host name without an address beside it is looked up here and now, and may block the thread for a while.
    init?(_ keywords: [(keyword: String, value: String)]) {
        var names: [UnsafeMutablePointer<CChar>?] = keywords.map { strdup($0.keyword) } + [nil]
        var values: [UnsafeMutablePointer<CChar>?] = keywords.map { strdup($0.value) } + [nil]
        defer {
            for pointer in names + values { free(pointer) }
        }
        let started: OpaquePointer? = names.withUnsafeMutableBytes { n in
            values.withUnsafeMutableBytes { v in
                PQconnectStartParams(
                    n.baseAddress?.assumingMemoryBound(to: UnsafePointer<CChar>?.self),
                    v.baseAddress?.assumingMemoryBound(to: UnsafePointer<CChar>?.self), 0)
            }
        }
        guard let started else { return nil }
        connection = started
        // The text of a failed connection names its SQLSTATE only when verbose.
        _ = PQsetErrorVerbosity(started, PQERRORS_VERBOSE)
        // By default libpq prints notices, which may hold row values, to stderr. We look for one thing in them: a
        // server that ends an idle session says so in a message that libpq hands out as a notice. The receiver runs
        // inside libpq's calls, on our thread.
        _ = PQsetNoticeReceiver(
            started,
            { context, result in
                guard let context, let severity = PQresultErrorField(result, Session.severity) else { return }
                if String(cString: severity) == "FATAL" {
                    Unmanaged<Session>.fromOpaque(context).takeUnretainedValue().dismissed = true
                }
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { PQfinish(connection) }

    /// Changes while a list of hosts is tried.
    var descriptor: Int32 { PQsocket(connection) }
    var hasFailed: Bool { dismissed || PQstatus(connection) == CONNECTION_BAD }
    var connectError: ServerError { ServerError(connecting: PQerrorMessage(connection).map { String(cString: $0) } ?? "") }

    func connect() -> Connecting {
        switch PQconnectPoll(connection) {
        case PGRES_POLLING_READING: return .reading
        case PGRES_POLLING_WRITING: return .writing
        case PGRES_POLLING_OK:
            guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else { return .failed(connectError) }
            return .open
        default: return .failed(connectError)
        }
    }

    /// `nil` when the connection is broken, else whether bytes wait for the socket to take them.
    func flush() -> Bool? {
        switch PQflush(connection) {
        case 0: false
        case 1: true
        default: nil
        }
    }

    /// Takes what the socket holds; `false` when the connection is broken.
    func consume() -> Bool { PQconsumeInput(connection) == 1 }

    /// One line of libpq's own about a broken connection; names hosts and users, never values.
    var reason: String {
        guard let text = PQerrorMessage(connection) else { return "" }
        return String(cString: text).split(separator: "\n").first.map(String.init) ?? ""
    }

    // MARK: Sending

    func send(_ steps: [ConnectionMachine.Step], _ statements: [SQL]) -> Bool {
        for step in steps where !send(step, statements) { return false }
        return PQpipelineSync(connection) == 1
    }

    private func send(_ step: ConnectionMachine.Step, _ statements: [SQL]) -> Bool {
        switch step {
        case .begin: return plain("BEGIN")
        case .commit: return plain("COMMIT")
        case .rollback: return plain("ROLLBACK")
        case .deallocate(let name): return plain("DEALLOCATE \"\(name)\"")
        case .prepare(let name, let n):
            let types: [Oid] = statements[n].binds.map(\.oid)
            return PQsendPrepare(connection, name, statements[n].text, Int32(types.count), types) == 1
        case .execute(let name, let n): return execute(name, statements[n])
        }
    }

    private func plain(_ text: String) -> Bool { PQsendQueryParams(connection, text, 0, nil, nil, nil, nil, 1) == 1 }

    /// What libpq wants of a statement's binds; kept from one statement to the next, for their room.
    private struct Sending {
        /// The binds' bytes, each followed by a zero byte, as libpq wants for those in text form.
        var buffer: [UInt8] = []
        var types: [Oid] = []
        var lengths: [Int32] = []
        var formats: [Int32] = []
        var values: [UnsafePointer<CChar>?] = []

        mutating func gather(_ binds: [PostgresBind]) {
            // One body of megabytes must not keep its room for good.
            buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 16)
            types.removeAll(keepingCapacity: true)
            lengths.removeAll(keepingCapacity: true)
            formats.removeAll(keepingCapacity: true)
            values.removeAll(keepingCapacity: true)
            for bind in binds {
                types.append(bind.oid)
                formats.append(bind.format.rawValue)
                lengths.append(Int32(clamping: bind.bytes?.count ?? 0))
                if let bytes = bind.bytes { buffer += bytes }
                buffer.append(0)
            }
        }
    }

    private func execute(_ name: String?, _ sql: SQL) -> Bool {
        let count = Int32(sql.binds.count)
        sending.gather(sql.binds)
        return sending.buffer.withUnsafeBytes { raw in
            var offset = 0
            for (index, bind) in sql.binds.enumerated() {
                let start = raw.baseAddress.map { ($0 + offset).assumingMemoryBound(to: CChar.self) }
                sending.values.append(bind.bytes == nil ? nil : start)
                offset += Int(sending.lengths[index]) + 1
            }
            guard let name else {
                return PQsendQueryParams(connection, sql.text, count, sending.types, sending.values, sending.lengths, sending.formats, 1) == 1
            }
            return PQsendQueryPrepared(connection, name, count, sending.values, sending.lengths, sending.formats, 1) == 1
        }
    }

    // MARK: Receiving

    enum Received {
        case reply(ConnectionMachine.Reply)
        /// The end of one statement's results; carries nothing.
        case separator
        /// Nothing more until the socket has more.
        case none
        /// The server wants a copy, which a pipeline can't do.
        case unusable
    }

    func next() -> Received {
        guard PQisBusy(connection) == 0 else { return .none }
        guard let result = PQgetResult(connection) else { return .separator }
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC: return .reply(.sync)
        case PGRES_PIPELINE_ABORTED: return .reply(.aborted)
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY, PGRES_TUPLES_OK: return .reply(.rows(rows(of: result)))
        case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE: return .reply(.failed(error(of: result)))
        default: return .unusable
        }
    }

    func notification() -> (channel: String, payload: String)? {
        guard let note = PQnotifies(connection) else { return nil }
        defer { PQfreemem(note) }
        return (String(cString: note.pointee.relname), String(cString: note.pointee.extra))
    }

    // MARK: Copying

    enum Copied {
        /// The piece is full; there may be more.
        case full
        /// The socket has no more for now.
        case more
        /// The end, or what kept it from coming.
        case done(ServerError?)
        /// The statement was no COPY … TO STDOUT.
        case unusable
    }

    /// Sends the statement outside of any pipeline, which COPY can't be part of.
    func beginCopy(_ text: String) -> Bool {
        PQexitPipelineMode(connection) == 1 && PQsendQuery(connection, text) == 1
    }

    /// Whether what a copy has left behind is still being cleared away.
    var isSettling: Bool { settling != .settled }

    enum Settling {
        /// The copy's last word has not come.
        case ending
        /// DISCARD ALL is under way.
        case discarding
        case settled, failed
    }

    /// After a copy that came to its end: makes the session what it was right after its login. Once at that end, and again when the socket had
    /// something, until it is settled or has failed.
    func settle(afterCopy: Bool = false) -> Settling {
        if afterCopy { (copying, settling) = (false, .ending) }
        while PQisBusy(connection) == 0 {
            if let result = PQgetResult(connection) {
                defer { PQclear(result) }
                if PQresultStatus(result) != PGRES_COMMAND_OK { settling = .failed }
                // A second COPY of the same text would be told of for ever: the connection is closed instead.
                if [PGRES_COPY_OUT, PGRES_COPY_IN, PGRES_COPY_BOTH].contains(PQresultStatus(result)) { return settling }
                continue
            }
            guard settling == .ending else {
                if settling == .discarding { settling = .settled }
                return settling
            }
            settling = PQsendQuery(connection, "DISCARD ALL") == 1 ? .discarding : .failed
        }
        return settling
    }

    func copyRows(into rows: inout [UInt8], until most: Int) -> Copied {
        if !copying {
            guard PQisBusy(connection) == 0 else { return .more }
            guard let result = PQgetResult(connection) else { return .unusable }
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_COPY_OUT: copying = true
            case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE: return .done(error(of: result))
            default: return .unusable
            }
        }
        if rows.isEmpty { rows.reserveCapacity(most + most / 8) }
        while rows.count < most {
            var row: UnsafeMutablePointer<CChar>?
            let length = PQgetCopyData(connection, &row, 1)
            if length > 0, let row {
                rows.append(contentsOf: UnsafeRawBufferPointer(start: row, count: Int(length)))
                PQfreemem(row)
            } else if length == 0 {
                return .more
            } else {
                guard PQisBusy(connection) == 0 else { return .more }
                guard let result = PQgetResult(connection) else { return .done(nil) }
                defer { PQclear(result) }
                return .done(PQresultStatus(result) == PGRES_COMMAND_OK ? nil : error(of: result))
            }
        }
        return .full
    }

    /// The names and types of the last rows: statements are mostly run again, and names are strings to make.
    private struct Layout {
        var columns: [String] = []
        var oids: [UInt32] = []
        /// The names one after another, each with its zero byte.
        var names: [UInt8] = []
    }

    private func layout(of result: OpaquePointer, width: Int) -> Layout {
        if lastLayout.oids.count == width, isLast(result, width) { return lastLayout }
        var made = Layout()
        for column in 0 ..< Int32(width) {
            let name = PQfname(result, column).map { String(cString: $0) } ?? ""
            made.columns.append(name)
            made.oids.append(PQftype(result, column))
            made.names += name.utf8
            made.names.append(0)
        }
        lastLayout = made
        return made
    }

    private func isLast(_ result: OpaquePointer, _ width: Int) -> Bool {
        lastLayout.names.withUnsafeBufferPointer { names in
            var at = 0
            for column in 0 ..< width {
                guard lastLayout.oids[column] == PQftype(result, Int32(column)), let name = PQfname(result, Int32(column)) else { return false }
                var n = 0
                while true {
                    let byte = UInt8(bitPattern: name[n])
                    guard at < names.count, names[at] == byte else { return false }
                    at += 1
                    n += 1
                    if byte == 0 { break }
                }
            }
            return at == names.count
        }
    }

    private func rows(of result: OpaquePointer) -> PostgresRows {
        let tag = PQcmdStatus(result).map { String(cString: $0) } ?? ""
        let touched = PQcmdTuples(result).map { strtol($0, nil, 10) } ?? 0
        let width = Int(PQnfields(result))
        guard width > 0 else { return PostgresRows(table: nil, affected: touched, tag: tag) }
        let height = Int(PQntuples(result))
        let layout = layout(of: result, width: width)
        var ends: [Int] = []
        ends.reserveCapacity(width * height)
        var total = 0
        for row in 0 ..< Int32(height) {
            for column in 0 ..< Int32(width) {
                let length = Int(PQgetlength(result, row, column))
                total += length
                // A field without bytes is null or empty: only then libpq has to be asked.
                ends.append(length == 0 && PQgetisnull(result, row, column) == 1 ? ~total : total)
            }
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: total) { target, filled in
            guard let base = target.baseAddress else { return }
            for row in 0 ..< Int32(height) {
                for column in 0 ..< Int32(width) {
                    let length = Int(PQgetlength(result, row, column))
                    guard length > 0, let source = PQgetvalue(result, row, column) else { continue }
                    memcpy(base + filled, source, length)
                    filled += length
                }
            }
        }
        let table = PostgresRows.Table(columns: layout.columns, oids: layout.oids, rowCount: height, bytes: bytes, ends: ends)
        return PostgresRows(table: table, affected: touched, tag: tag)
    }

    private func error(of result: OpaquePointer) -> ServerError {
        func field(_ code: Character) -> String? {
            PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
        }
        guard let state = field("C") else { return ServerError(sqlstate: "", message: "the connection was lost", fatal: true) }
        let severity = field("V") ?? ""
        return ServerError(
            sqlstate: state, message: field("M") ?? "", constraint: field("n"), table: field("t"), column: field("c"),
            fatal: severity == "FATAL" || severity == "PANIC", routine: field("R") ?? "")
    }
}
