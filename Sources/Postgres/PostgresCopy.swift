public import Kernel

/// What a COPY … TO STDOUT writes, in pieces of whole rows, over a connection that is its own until the last piece is read or the reader is let go.
/// After its end the connection is cleared (DISCARD ALL) and kept for a few seconds, for the next copy that logs in the same way. Reads ahead by one piece at most: a slow reader slows the server down, it fills no memory.
public final class PostgresCopy: Sendable {
    private let reactor = PostgresReactor.shared
    private let id: UInt64

    /// Connects at once, or takes a connection that a copy before it has left. `sql` is the whole COPY statement; COPY takes no binds, so values can't be in it.
    public init(_ configuration: PostgresConfiguration, _ sql: SQL) {
        precondition(sql.binds.isEmpty, "COPY takes no binds")
        id = reactor.newID()
        reactor.post(.copy(id, configuration, text: sql.text))
    }

    deinit { reactor.post(.copyEnd(id)) }

    /// The next piece; `nil` after the last. One caller at a time.
    /// - Throws: `connection_lost`, `database_down`, the named codes of the server's errors; what came before is then incomplete.
    public func next() async throws(Fault) -> [UInt8]? {
        let answer = await withCheckedContinuation { reactor.post(.copyNext(id, $0)) }
        return try answer.get()
    }
}
