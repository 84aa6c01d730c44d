/// What of this repository shows that a connector does what it says: commands that anybody can run, and nothing else.
public struct Verification: Sendable, Equatable {
    /// A library that works on the twin or reads what we posted there; or a server that others wrote.
    public struct SDK: Sendable, Equatable {
        public var name: String
        public var version: String
        /// What Python imports it as.
        public var module: String

        init(name: String, version: String, module: String? = nil) {
            self.name = name
            self.version = version
            self.module = module ?? String(name.lowercased().map { $0 == "-" ? "_" : $0 })
        }
    }

    /// The room of the platform's twin; `nil` where there is none.
    public var twin: String?
    /// Test targets that try this connector.
    public var suites: [String]
    public var sdks: [SDK]
    /// Servers of others that play the platform and that this connector is tried on, as pinned beside the SDKs.
    public var servers: [SDK] = []
    /// Whose `Tests/sdk/work_on_….py` has the SDKs create, read and page; `nil`: it is named as the platform's id.
    var script: String?

    /// What a person runs to see the SDKs of this platform at work on its twin.
    public func works(on id: String) -> String { "Tests/sdk/work_on_\(script ?? String(id.map { $0 == "-" ? "_" : $0 })).py" }

    static let byID: [String: Verification] = [
        "accountedge": Verification(twin: nil, suites: ["ConnectorKitTests", "AccountEdgeTests"], sdks: []),
        "aftership-returns": Verification(twin: "TwinReturns", suites: ["ConnectorKitTests", "ReturnsTests", "TwinReturnsTests", "DayTests"], sdks: []),
        "erp": Verification(twin: nil, suites: ["ConnectorKitTests", "InboundTests"], sdks: []),
        "freeagent": Verification(
            twin: "TwinFreeAgent", suites: ["ConnectorKitTests", "FreeAgentTests", "TwinFreeAgentTests", "PipelineTests"], sdks: [SDK(name: "freeagent", version: "0.3.1")]),
        "job-crm": Verification(twin: nil, suites: ["ConnectorKitTests", "InboundTests"], sdks: []),
        "loop-returns": Verification(
            twin: "TwinReturns", suites: ["ConnectorKitTests", "ReturnsTests", "TwinReturnsTests", "DayTests", "PipelineTests"], sdks: []),
        "netsuite-rest": Verification(
            twin: "TwinNetSuite", suites: ["ConnectorKitTests", "NetSuiteTests", "TwinNetSuiteTests", "PipelineTests"], sdks: [SDK(name: "netsuite", version: "0.12.0")],
            script: "netsuite"),
        "netsuite-suitetalk": Verification(
            twin: "TwinNetSuite", suites: ["ConnectorKitTests", "NetSuiteTests", "TwinNetSuiteTests", "PipelineTests"], sdks: [SDK(name: "netsuitesdk", version: "3.3.0")],
            script: "netsuite"),
        "odoo": Verification(
            twin: "TwinOdoo", suites: ["ConnectorKitTests", "OdooTests", "TwinOdooTests", "PipelineTests"], sdks: [SDK(name: "OdooRPC", version: "0.10.1")]),
        "patriot": Verification(twin: nil, suites: ["ConnectorKitTests", "PatriotTests"], sdks: []),
        "quickbooks-online": Verification(
            twin: "TwinQuickBooksOnline", suites: ["ConnectorKitTests", "QuickBooksOnlineTests", "TwinQuickBooksOnlineTests", "PipelineTests"],
            sdks: [SDK(name: "intuit-oauth", version: "1.2.6", module: "intuitlib"), SDK(name: "python-quickbooks", version: "0.9.12", module: "quickbooks")]),
        "rms": Verification(twin: nil, suites: ["ConnectorKitTests", "InboundTests"], sdks: []),
        "sage-intacct": Verification(
            twin: "TwinSageIntacct", suites: ["ConnectorKitTests", "SageIntacctTests", "TwinSageIntacctTests", "PipelineTests"],
            sdks: [SDK(name: "sageintacctsdk", version: "1.28.1")]),
        "sap-business-one": Verification(
            twin: "TwinSapBusinessOne", suites: ["ConnectorKitTests", "SapBusinessOneTests", "TwinSapBusinessOneTests", "PipelineTests"],
            sdks: [SDK(name: "pyb1slayer", version: "0.1.2.dev4"), SDK(name: "SAPB1SL", version: "2.0.0", module: "SAPB1SL")]),
        // Its twin lives with the sandbox's day, which is made of its orders.
        "shopify": Verification(twin: "Sandbox", suites: ["ConnectorKitTests", "ShopifyTests", "SandboxTests", "DayTests", "PipelineTests"], sdks: []),
        "square": Verification(
            twin: "TwinSquare", suites: ["ConnectorKitTests", "SquareTests", "TwinSquareTests"],
            sdks: [SDK(name: "squareup", version: "46.0.0.20260916", module: "square")]),
        "stripe": Verification(
            twin: "TwinStripe", suites: ["ConnectorKitTests", "StripeTests", "TwinStripeTests"], sdks: [SDK(name: "stripe", version: "16.1.0")],
            servers: [SDK(name: "localstripe", version: "1.15.10")]),
        "woocommerce": Verification(
            twin: "TwinWooCommerce", suites: ["ConnectorKitTests", "WooCommerceTests", "TwinWooCommerceTests", "PipelineTests"],
            sdks: [SDK(name: "WooCommerce", version: "3.0.0")]),
        "xero": Verification(twin: "TwinXero", suites: ["ConnectorKitTests", "XeroTests", "TwinXeroTests", "PipelineTests"], sdks: [SDK(name: "xero-python", version: "15.2.0")]),
    ]

    public static func of(_ id: String) -> Verification { byID[id] ?? Verification(twin: nil, suites: ["ConnectorKitTests"], sdks: []) }
}
