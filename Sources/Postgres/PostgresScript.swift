internal import CLibPQ
internal import Glibc
public import Kernel

/// Runs a text of several statements on a connection of its own, outside any pipeline: for migrations, never for values.
/// PostgreSQL runs it as one transaction unless the text itself says otherwise. Blocks a thread of its own, not the caller's.
/// - Throws: `script_failed` with the server's message and SQLSTATE; `connection_lost` when there is no server.
public func postgresScript(_ configuration: PostgresConfiguration, _ text: String) async throws(Fault) {
    let result: Fault? = await withCheckedContinuation { continuation in
        let work = ScriptWork { continuation.resume(returning: runScript(configuration.conninfo, text)) }
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { argument in
            guard let argument else { return nil }
            Unmanaged<ScriptWork>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        }, Unmanaged.passRetained(work).toOpaque())
        precondition(code == 0, "a thread could not be started: error \(code)")
        pthread_detach(thread)
    }
    if let result { throw result }
}

private final class ScriptWork: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func runScript(_ conninfo: Secret, _ text: String) -> Fault? {
    guard let connection = PQconnectdb(conninfo.revealText()) else {
        return Fault("connection_lost", stage: .database, disposition: .retry, summary: "libpq could not start a connection")
    }
    defer { PQfinish(connection) }
    guard PQstatus(connection) == CONNECTION_OK else {
        let why = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        return Fault(
            "connection_lost", stage: .database, disposition: .retry, summary: "the database can't be reached",
            underlying: why.split(separator: "\n").first.map(String.init))
    }
    _ = PQsetNoticeReceiver(connection, { _, _ in }, nil)
    let result = PQexec(connection, text)
    defer { PQclear(result) }
    switch PQresultStatus(result) {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return nil
    default:
        let message = PQresultErrorField(result, 77 /* PG_DIAG_MESSAGE_PRIMARY 'M' */).map { String(cString: $0) } ?? "no message"
        let state = PQresultErrorField(result, 67 /* PG_DIAG_SQLSTATE 'C' */).map { String(cString: $0) } ?? "?"
        return Fault("script_failed", stage: .database, disposition: .bug, summary: message, underlying: "SQLSTATE \(state)")
    }
}
