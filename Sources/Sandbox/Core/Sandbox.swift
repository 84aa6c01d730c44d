public import Kernel
internal import TwinFreeAgent
internal import TwinKit
internal import TwinNetSuite
internal import TwinOdoo
internal import TwinQuickBooksOnline
internal import TwinReturns
internal import TwinSageIntacct
internal import TwinSapBusinessOne
internal import TwinSquare
internal import TwinStripe
internal import TwinWooCommerce
internal import TwinXero

/// Makes the sandbox with all its twins.
public enum Sandbox {
    /// Opens or creates the sandbox's folder and listens; `run` on the result serves.
    /// - Parameters:
    ///   - folder: where its journals and the expected entries are; one sandbox at a time.
    ///   - port: 0 takes any free one; see `SandboxService.port`.
    /// - Throws: `sandbox_folder`, `journal_unusable`, `journal_damaged`, `listen_failed`.
    public static func make(
        folder: String, port: Int, host: String = "127.0.0.1", clocks: any Clocks = SystemClocks()
    ) throws(Fault) -> SandboxService {
        try SandboxFile.makeFolder(folder)
        func journal(_ name: String) throws(Fault) -> TwinJournal { try TwinJournal(path: "\(folder)/\(name).jsonl") }
        let control = try journal("sandbox")
        let shopify = try ShopifyTwin(journal: try journal("shopify"))
        let twins: [any Twin] = [
            shopify, try QuickBooksOnlineTwin(journal: try journal("qbo"), waits: .rehearsal),
            // A second company: one grant is one company.
            try QuickBooksOnlineTwin(prefix: "/qbo2", name: "Mesa Outfitters Inc", journal: try journal("qbo2"), waits: .rehearsal),
            try XeroTwin(journal: try journal("xero"), waits: .rehearsal),
            try FreeAgentTwin(journal: try journal("freeagent")),
            try NetSuiteTwin(journal: try journal("netsuite")),
            try OdooTwin(journal: try journal("odoo")),
            try ReturnsTwin(.loop, journal: try journal("loop")), try ReturnsTwin(.aftership, journal: try journal("aftership")),
            try SageIntacctTwin(journal: try journal("intacct")),
            try SapBusinessOneTwin(journal: try journal("sapb1")),
            try SquareTwin(journal: try journal("square"), limits: .rehearsal, retries: .rehearsal),
            try StripeTwin(journal: try journal("stripe"), retries: .rehearsal),
            try WooCommerceTwin(journal: try journal("woocommerce")),
        ]
        let pause: @Sendable (Duration) async -> Void = { duration in
            // A cancelled pause ends early; whoever paused looks at the cancellation itself.
            _ = try? await Task.sleep(for: duration)
        }
        let player = try DayPlayer(
            folder: folder, journal: try journal("day"), shopify: shopify, clocks: clocks,
            sender: { NetworkWebhookSender(hosts: $0, inFlight: DayPlayer.inFlight) }, pause: pause)
        let service = try SandboxService(
            folder: folder, twins: twins, player: player, journal: control, clocks: clocks, pause: pause)
        try service.listen(host: host, port: port)
        return service
    }
}
