// swift-tools-version: 6.1
import PackageDescription

/// The platforms: a room `Sources/Connectors/NAME` and a suite of tests each.
let connectors = [
    "AccountEdge",
    "FreeAgent",
    "Inbound",
    "NetSuite",
    "Odoo",
    "Patriot",
    "QuickBooksOnline",
    "Returns",
    "SageIntacct",
    "SapBusinessOne",
    "Shopify",
    "Square",
    "Stripe",
    "WooCommerce",
    "Xero",
]
let connectorImports = ["ConnectorKit", "Books", "Wire", "Crypto", "Kernel"]

/// What plays a platform in the sandbox: a room `Sources/Twins/NAME`, without the `Twin` before it, and a suite of tests each.
let twins = [
    "TwinFreeAgent",
    "TwinNetSuite",
    "TwinOdoo",
    "TwinQuickBooksOnline",
    "TwinReturns",
    "TwinSageIntacct",
    "TwinSapBusinessOne",
    "TwinSquare",
    "TwinStripe",
    "TwinWooCommerce",
    "TwinXero",
]
let twinImports = ["TwinKit", "Kernel", "Wire", "Crypto"]

/// Who may import whom, beside connectors and twins. A test (Tests/TidyTests) holds this table against every `import` in Sources.
/// Names starting with a lower-case `C` belong to system libraries or to `CSystem`, our one C target.
let rooms: [(name: String, imports: [String])] = [
    ("Kernel", ["CSystem"]),
    ("Telemetry", ["Kernel"]),
    ("Wire", ["Kernel"]),
    ("Books", ["Kernel"]),
    ("Crypto", ["Kernel", "COpenSSL"]),
    ("Postgres", ["Kernel", "CLibPQ"]),
    ("HTTPClient", ["Kernel", "Wire", "CCurl"]),
    ("HTTPServer", ["Kernel", "Wire", "COpenSSL", "CSystem"]),
    ("ConnectorKit", ["Kernel", "Wire", "Books", "Crypto"]),
    ("Store", ["Kernel", "Telemetry", "Books", "Crypto", "Postgres"]),
    ("Courier", ["Store", "ConnectorKit", "HTTPClient", "Telemetry", "Kernel", "Wire", "Books", "Crypto"]),
    ("Catalog", ["ConnectorKit", "Kernel", "Wire"] + connectors),
    ("Drop", ["Kernel", "Wire"]),
    ("Scaffold", ["Kernel"]),
    ("Mapping", ["Books", "Wire", "Kernel"]),
    ("AlertRules", ["Mapping", "Books", "Wire", "Kernel"]),
    ("Alerts", ["AlertRules", "Mapping", "Store", "Postgres", "HTTPClient", "Telemetry", "Wire", "Crypto", "Kernel"]),
    ("Checks", ["Mapping", "Books", "Wire", "Kernel"]),
    ("Scenario", ["Checks", "Mapping", "Books", "Wire", "Kernel"]),
    ("Pipeline", ["Checks", "Mapping", "Courier", "Store", "Postgres", "ConnectorKit", "Telemetry", "Kernel", "Wire", "Books", "Crypto"]),
    ("Worker", ["Pipeline", "Catalog", "Courier", "Store", "ConnectorKit", "HTTPClient", "Postgres", "Telemetry",
                "Mapping", "Kernel", "Wire", "Books", "Crypto", "CSystem"]),
    ("Scheduler", ["Store", "Crypto", "Telemetry", "Kernel", "Postgres", "Wire", "CSystem"]),
    ("ControlPlane", ["Store", "HTTPServer", "ConnectorKit", "Crypto", "Telemetry", "Mapping", "AlertRules", "Postgres",
                      "Kernel", "Wire", "Books"]),
    ("Fuzz", ["Wire", "HTTPServer", "HTTPClient", "Postgres", "Kernel"]),
    ("TestKit", ["Store", "Postgres", "Kernel", "CSystem"]),
    ("ConnectorTestKit", ["ConnectorKit", "Books", "Wire", "Kernel"]),
    ("TwinKit", ["Kernel", "Wire", "Crypto", "HTTPClient"]),
    ("Sandbox", ["TwinKit", "Kernel", "Wire", "Crypto", "HTTPServer", "HTTPClient"] + twins),
]

/// Where a room's sources are: connectors and twins have a folder of their own kind.
func folder(_ room: String) -> String {
    if connectors.contains(room) { return "Sources/Connectors/\(room)" }
    if twins.contains(room) { return "Sources/Twins/\(room.dropFirst("Twin".count))" }
    return "Sources/\(room)"
}

/// The build in which `counterfoil torture` may break a wall on purpose (`--sabotage`): for tests only, never what users run.
let sabotage: [SwiftSetting] = Context.environment["COUNTERFOIL_SABOTAGE_BUILD"] == "1" ? [.define("SABOTAGE")] : []

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
] + sabotage

var targets: [Target] = [
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(name: "CSystem"),
]

/// Connectors that read what sources send, as fast as it comes. The others write into ledgers that take a few calls a second.
let readers: Set<String> = ["Inbound", "Returns", "Shopify", "Square", "Stripe", "WooCommerce"]

/// Compiled as it is written, since optimising it takes half of a release build and gives none of that time back: what plays the world around the
/// product, and what waits for ledgers anyway.
let unhurried = Set(twins + ["TwinKit", "Sandbox", "Scenario", "Scaffold", "TestKit", "ConnectorTestKit"] + connectors.filter { !readers.contains($0) })
let asWritten: [SwiftSetting] = [.unsafeFlags(["-Onone"], .when(configuration: .release))]

/// What the optimiser may look into from other rooms: the floors and what every document goes through. To offer a room's code to others takes a third to a
/// half of the time that it takes to optimise the room, and nobody calls into the rest often enough to give that back.
let opened: Set<String> = ["Kernel", "Telemetry", "Wire", "Crypto", "Books", "Postgres", "HTTPClient", "HTTPServer", "ConnectorKit", "Mapping"]
let closed: [SwiftSetting] = [.unsafeFlags(["-disable-cmo"], .when(configuration: .release))]

let allRooms = rooms + connectors.map { ($0, connectorImports) } + twins.map { ($0, twinImports) }
for room in allRooms {
    targets.append(.target(
        name: room.name,
        dependencies: room.imports.map { .init(stringLiteral: $0) },
        path: folder(room.name),
        swiftSettings: strict + (unhurried.contains(room.name) ? asWritten : opened.contains(room.name) ? [] : closed)
    ))
}

/// How a release is linked: by the linker that comes with Swift; every address of a library is looked up at the start, so that the table of them is
/// read-only from then on; and what `serve` runs all the time lies together (docs/performance.md says what that saves, and how the list is made).
let linking: [LinkerSetting] = [.unsafeFlags(
    ["-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "now", "-Xlinker", "--symbol-ordering-file=\(Context.packageDirectory)/ops/serve.order",
     "-Xlinker", "--no-warn-symbol-ordering"],
    .when(configuration: .release))]

/// The rooms last: what is named last is built first, and much else waits for them.
let everything: [String] = (twins + rooms.map(\.name)).filter { !$0.hasSuffix("TestKit") }
targets.append(.executableTarget(
    name: "counterfoil",
    dependencies: (everything + ["CSystem"]).map { .init(stringLiteral: $0) },
    path: "Sources/counterfoil",
    swiftSettings: strict,
    linkerSettings: linking
))

/// Test targets beside those of connectors and twins: what each may use, and whether it keeps fixtures (read by path, not bundled).
let tests: [(name: String, uses: [String], fixtures: Bool)] = [
    ("KernelTests", ["Kernel"], false),
    ("WireTests", ["Wire", "Kernel"], true),
    ("CryptoTests", ["Crypto", "Kernel"], false),
    ("PostgresTests", ["Postgres", "Kernel", "CSystem"], false),
    ("HTTPClientTests", ["HTTPClient", "Wire", "Kernel", "COpenSSL"], false),
    ("HTTPServerTests", ["HTTPServer", "Wire", "Kernel"], false),
    ("FuzzTests", ["Fuzz", "Kernel"], true),
    ("BooksTests", ["Books", "Kernel"], false),
    ("ChecksTests", ["Checks", "Books", "Kernel"], false),
    ("ScenarioTests", ["Scenario", "Books", "Wire", "Kernel"], true),
    ("SandboxTests", ["Sandbox", "TwinKit", "TwinFreeAgent", "TwinQuickBooksOnline", "TwinSquare", "TwinStripe", "TwinWooCommerce", "TwinXero", "HTTPServer", "HTTPClient", "Crypto", "Wire", "Kernel"], true),
    ("DayTests", ["Sandbox", "ConnectorTestKit", "TwinKit", "TwinQuickBooksOnline", "TwinReturns", "TwinXero", "Returns", "Shopify", "Mapping", "Checks", "Books", "ConnectorKit", "Wire", "Kernel"], false),
    ("ControlPlaneTests", ["ControlPlane", "TestKit", "Store", "Postgres", "HTTPServer", "ConnectorKit", "Inbound", "Crypto", "Telemetry", "Mapping", "Books",
                           "AlertRules", "Wire", "Kernel"], false),
    ("PipelineTests", ["Pipeline", "Checks", "Mapping", "Courier", "Store", "Postgres", "ConnectorKit", "Telemetry", "Wire", "Books", "Crypto", "TestKit",
                       "HTTPServer", "HTTPClient", "Kernel", "TwinKit", "TwinFreeAgent", "TwinQuickBooksOnline", "TwinSapBusinessOne", "TwinXero", "FreeAgent",
                       "QuickBooksOnline", "SapBusinessOne", "Xero", "TwinWooCommerce", "WooCommerce", "TwinReturns", "Returns",
                       "TwinSageIntacct", "SageIntacct", "TwinNetSuite", "NetSuite", "TwinOdoo", "Odoo", "Sandbox", "Shopify"], false),
    ("StoreTests", ["Store", "TestKit", "Postgres", "Telemetry", "Crypto", "Books", "Kernel"], false),
    ("CourierTests", ["Courier", "Store", "ConnectorKit", "HTTPClient", "Telemetry", "Crypto", "Wire", "Kernel"], false),
    ("SchedulerTests", ["Scheduler", "Store", "TestKit", "Postgres", "Crypto", "Telemetry", "Wire", "Kernel", "CSystem"], false),
    ("WorkerTests", ["Worker", "Pipeline", "Catalog", "Courier", "Store", "ConnectorKit", "HTTPClient", "Postgres", "Telemetry", "Mapping", "Kernel",
                     "Wire", "Books", "Crypto", "CSystem", "TestKit"], false),
    ("MappingTests", ["Mapping", "Books", "Wire", "Kernel"], false),
    ("AlertRulesTests", ["AlertRules", "Mapping", "Books", "Wire", "Kernel"], false),
    ("AlertsTests", ["Alerts", "AlertRules", "Store", "TestKit", "Postgres", "HTTPClient", "HTTPServer", "Telemetry", "Wire", "Crypto", "Kernel"], false),
    ("TelemetryTests", ["Telemetry", "Wire", "Kernel"], false),
    ("ConnectorKitTests", ["ConnectorKit", "Catalog", "Books", "Wire", "Crypto", "Kernel"], true),
    ("SimulationTests", ["Pipeline", "Checks", "Mapping", "Courier", "Store", "ConnectorKit", "HTTPClient", "Telemetry", "Wire", "Books", "Crypto",
                         "Kernel", "TestKit", "Postgres"], false),
    ("TortureTests", ["Sandbox", "TwinKit", "TwinQuickBooksOnline", "TwinXero", "HTTPServer", "HTTPClient", "Crypto", "Wire", "Kernel"], false),
    ("DropTests", ["Drop", "Wire", "Kernel"], false),
    ("ScaffoldTests", ["Scaffold", "Kernel"], false),
    ("TwinKitTests", ["TwinKit", "Wire", "Kernel"], false),
    ("TidyTests", [], false),
]
let withFixtures = ["Returns", "Shopify", "Square", "Stripe", "WooCommerce"]
/// Connectors whose tests post into the platform's twin as well.
let withTwins = ["Returns", "SapBusinessOne", "Stripe"]
let platformTests = connectors.map {
    (name: "\($0)Tests", uses: [$0] + connectorImports + ["ConnectorTestKit"] + (withTwins.contains($0) ? ["Twin\($0)", "TwinKit"] : []), fixtures: withFixtures.contains($0))
}
let twinTests = twins.map { (name: "\($0)Tests", uses: [$0] + twinImports, fixtures: false) }
for test in tests + platformTests + twinTests {
    targets.append(.testTarget(
        name: test.name,
        dependencies: test.uses.map { .init(stringLiteral: $0) },
        path: "Tests/\(test.name)",
        exclude: test.fixtures ? ["Fixtures"] : [],
        swiftSettings: strict
    ))
}

let package = Package(
    name: "counterfoil",
    products: [.executable(name: "counterfoil", targets: ["counterfoil"])],
    targets: targets,
    swiftLanguageModes: [.v6]
)
