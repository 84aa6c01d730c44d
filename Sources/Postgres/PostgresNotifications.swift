internal import Kernel

/// The payloads of NOTIFY on one channel, over a connection of its own that is replaced whenever it breaks.
/// Yields `""` each time listening begins, the first time included: what was sent before may have been missed, so look.
/// A reader that falls behind keeps the newest payloads. Ends when the reader stops reading.
public func postgresNotifications(_ configuration: PostgresConfiguration, channel: String) -> AsyncStream<String> {
    let (stream, continuation) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(PostgresLimits.notifications))
    let reactor = PostgresReactor.shared
    let id = reactor.newID()
    continuation.onTermination = { _ in reactor.post(.unlisten(id)) }
    reactor.post(.listen(id, configuration, channel: channel, continuation))
    return stream
}
