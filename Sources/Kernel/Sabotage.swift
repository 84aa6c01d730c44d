#if SABOTAGE
internal import Glibc

/// Walls that a test takes out, one at a time, to show that what stands behind them is noticed. Compiled into test builds only
/// (`SABOTAGE`), never into a release.
public enum Sabotage: String, CaseIterable, Sendable {
    /// Recovery takes an unknown outcome for "not sent" without looking.
    case skipFind = "skip-find"
    /// An intent is written whoever holds the lease, and a lease that has ended is taken at once.
    case skipEpoch = "skip-epoch"
    /// A write is sent however near the lease's end is.
    case skipDeadline = "skip-deadline"
    /// A tax that differs by rounding from rate × base is put right, and a line beside it takes the difference.
    case nettedRounding = "netted-rounding"
    /// A write whose outcome is unknown is sent again at once.
    case doubleIntent = "double-intent"
    /// Of deliveries one in eight is answered and not kept, and no sweep finds it.
    case dropWebhook = "drop-webhook"
    /// HTTP success counts as success, whatever the body says and whatever is read back.
    case trust2xx = "trust-2xx"

    /// For one test: which wall is out, whatever the environment says.
    @TaskLocal public static var chosen: Sabotage?

    /// For a whole process: `COUNTERFOIL_SABOTAGE=skip-find`.
    private static let ofProcess: Sabotage? = getenv("COUNTERFOIL_SABOTAGE").flatMap { Sabotage(rawValue: String(cString: $0)) }

    /// What a child process has to be told.
    public static var environment: [String] { ofProcess.map { ["COUNTERFOIL_SABOTAGE=\($0.rawValue)"] } ?? [] }

    /// A document with these words in it ends the process that takes it in hand, as one that finds a fault of the program would.
    public static let poison = "counterfoil-test:this-document-ends-its-worker"

    /// Ends this process where the document is such a one.
    public static func swallow(_ document: [UInt8]) {
        if String(decoding: document, as: UTF8.self).contains(poison) { abort() }
    }

    /// Whether this wall is out here.
    public var isOn: Bool { (Sabotage.chosen ?? Sabotage.ofProcess) == self }
}
#endif
