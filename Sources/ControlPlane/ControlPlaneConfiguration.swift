public import Crypto
public import Kernel

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
    /// Parts of credentials that are the operator's own, by platform and name. They are sealed with each connection's; no endpoint shows them.
    public var operatorParts: [String: [String: Secret]]
    /// Where people's browsers reach us, without a slash at the end: `https://books.example.com`. Platforms send them back there, so it is stated and not
    /// taken from a request. Empty: nobody can connect a platform in a browser.
    public var publicURL: String

    public init(
        host: String, port: Int, intakeKey: AEADKey, allowedHosts: [String], version: String, operatorParts: [String: [String: Secret]] = [:],
        publicURL: String = ""
    ) {
        self.host = host
        self.port = port
        self.intakeKey = intakeKey
        self.allowedHosts = allowedHosts
        self.version = version
        self.operatorParts = operatorParts
        var url = publicURL
        while url.hasSuffix("/") { url.removeLast() }
        self.publicURL = url
    }
}
