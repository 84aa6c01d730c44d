/// Every bound of the program in one place. Units last in the name.
public enum Limits {
    // Bodies
    public static let webhookBodyBytes = 4 << 20
    public static let apiBodyBytes = 1 << 20
    public static let replyBodyBytes = 32 << 20
    public static let jsonDepth = 128
    public static let jsonBytes = 32 << 20
    // HTTP server
    public static let requestLineBytes = 8 << 10
    public static let headerBytes = 32 << 10
    public static let headerCount = 100
    public static let headReadSeconds = 10
    public static let bodyReadSeconds = 30
    public static let idleConnectionSeconds = 60
    public static let serverConnections = 4096
    // Outgoing
    public static let connectSeconds = 10
    public static let requestSeconds = 20
    public static let redirects = 0
    // Database
    public static let poolConnections = 8
    /// For what people look at, and how long one look may take.
    public static let lookConnections = 4
    public static let lookSeconds = 10
    public static let workerPoolConnections = 3
    public static let poolWaitSeconds = 20
    // Pipeline
    public static let batchDocuments = 100
    public static let attempts = 12
    public static let backoffFirst_ms = 500
    public static let backoffMost_ms = 60_000
    public static let pageRows = 200
    // Leases
    public static let leaseSeconds = 30
    public static let heartbeatSeconds = 10
    public static let workerLifeSeconds = 600
    public static let workerIdleSeconds = 5
}
