public import Crypto

/// How the control plane listens and what it may do.
public struct ControlPlaneConfiguration: Sendable {
    /// A numeric address; a proxy ends TLS in front of it.
    public var host: String
    /// 0 takes any free port.
    public var port: Int
    /// Seals webhook secrets, which are read before any tenant code runs.
    public var intakeKey: AEADKey
    /// `host:port` (or `host`, for 80 and 443) that connections may name as their base besides what their platform itself has.
    public var allowedHosts: [String]
    public var version: String

    public init(host: String, port: Int, intakeKey: AEADKey, allowedHosts: [String], version: String) {
        self.host = host
        self.port = port
        self.intakeKey = intakeKey
        self.allowedHosts = allowedHosts
        self.version = version
    }
}
