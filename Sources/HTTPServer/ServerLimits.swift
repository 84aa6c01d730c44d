/// Bounds of the server that `Limits` does not name. Units last in the name.
public enum ServerLimits {
    // Parser
    public static let chunkSizeDigits = 15
    public static let chunkExtensionBytes = 1 << 10
    public static let trailerBytes = 4 << 10
    public static let keptBufferBytes = 16 << 10
    /// An answer's status line and the server's own fields but `Date`.
    public static let headRoomBytes = 160
    /// Fields that a head has room for from the start; browsers and platforms send about ten.
    public static let fieldRoom = 12
    // Connections
    /// Read from a socket in one call.
    public static let readBytes = 64 << 10
    /// Kept of what a client sends ahead while its request is being answered.
    public static let readAheadBytes = 64 << 10
    public static let readsPerTurn = 4
    /// Of one connection.
    public static let requestsPerTurn = 16
    public static let acceptsPerTurn = 64
    public static let heldBodyBytes = 256 << 20
    public static let backlog = 1024
    /// Connections over the limit that are still told so; beyond them a connection is just closed.
    public static let refusedConnections = 64
    /// Of one process: files and sockets.
    public static let descriptors = 65_536
    /// Not for clients' connections: the database's, exports, logs, and connections over the limit.
    public static let descriptorsKept = 256
    public static let writeSeconds = 30
    /// After the last answer the server waits for the client's end of the connection, so that a reset can't overtake
    /// the answer.
    public static let lingerSeconds = 2
    public static let lingerBytes = 4 << 20
    // Stop
    public static let stopGraceSeconds = 10
    public static let cancelGraceSeconds = 2
    /// Pause of accepting when the process is out of descriptors.
    public static let acceptPause_ms = 100
    /// Least time between two looks at all deadlines.
    public static let deadlineScan_ms = 5
}
