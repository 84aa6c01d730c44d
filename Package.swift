// swift-tools-version: 6.1
import PackageDescription

/// Who may import whom. A test (Tests/TidyTests) holds this table against every `import` in Sources.
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
    ("Shopify", ["ConnectorKit", "Books", "Wire", "Crypto", "Kernel"]),
    ("QuickBooksOnline", ["ConnectorKit", "Books", "Wire", "Crypto", "Kernel"]),
    ("Stripe", ["ConnectorKit", "Books", "Wire", "Crypto", "Kernel"]),
    ("Xero", ["ConnectorKit", "Books", "Wire", "Crypto", "Kernel"]),
    ("Catalog", ["ConnectorKit", "Kernel", "Wire", "Shopify", "QuickBooksOnline", "Stripe", "Xero"]),
    ("Scaffold", ["Kernel"]),
    ("Mapping", ["Books", "Wire", "Kernel"]),
    ("Checks", ["Mapping", "Books", "Wire", "Kernel"]),
    ("Scenario", ["Checks", "Mapping", "Books", "Wire", "Kernel"]),
    ("Pipeline", ["Checks", "Mapping", "Courier", "Store", "Postgres", "ConnectorKit", "Telemetry", "Kernel", "Wire", "Books", "Crypto"]),
    ("Worker", ["Pipeline", "Catalog", "Courier", "Store", "ConnectorKit", "HTTPClient", "Postgres", "Telemetry",
                "Mapping", "Kernel", "Wire", "Books", "Crypto", "CSystem"]),
    ("Scheduler", ["Store", "Crypto", "Telemetry", "Kernel", "Postgres", "Wire", "CSystem"]),
    ("ControlPlane", ["Store", "HTTPServer", "ConnectorKit", "Crypto", "Telemetry", "Mapping", "Postgres",
                      "Kernel", "Wire", "Books"]),
    ("TestKit", ["Store", "Postgres", "Kernel", "CSystem"]),
    ("TwinKit", ["Kernel", "Wire", "Crypto", "HTTPClient"]),
    ("TwinQuickBooksOnline", ["TwinKit", "Kernel", "Wire", "Crypto"]),
    ("TwinXero", ["TwinKit", "Kernel", "Wire", "Crypto"]),
    ("Sandbox", ["TwinKit", "TwinQuickBooksOnline", "TwinXero", "Kernel", "Wire", "Crypto", "HTTPServer", "HTTPClient"]),
]

let connectors: Set<String> = ["Shopify", "QuickBooksOnline", "Stripe", "Xero"]

/// Where a room's sources are: connectors and twins have a folder of their own kind.
func folder(_ room: String) -> String {
    if connectors.contains(room) { return "Sources/Connectors/\(room)" }
    if room.hasPrefix("Twin"), room != "TwinKit" { return "Sources/Twins/\(room.dropFirst("Twin".count))" }
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
for room in rooms {
    targets.append(.target(
        name: room.name,
        dependencies: room.imports.map { .init(stringLiteral: $0) },
        path: folder(room.name),
        swiftSettings: strict
    ))
}

let everything: [String] = rooms.map(\.name).filter { $0 != "TestKit" && !connectors.contains($0) }
targets.append(.executableTarget(
    name: "counterfoil",
    dependencies: (everything + ["CSystem"]).map { .init(stringLiteral: $0) },
    path: "Sources/counterfoil",
    swiftSettings: strict
))

/// Test targets: what each may use, and whether it keeps fixtures (read by path, not bundled).
let tests: [(name: String, uses: [String], fixtures: Bool)] = [
    ("KernelTests", ["Kernel"], false),
    ("WireTests", ["Wire", "Kernel"], true),
    ("CryptoTests", ["Crypto", "Kernel"], false),
    ("PostgresTests", ["Postgres", "Kernel", "CSystem"], false),
    ("HTTPClientTests", ["HTTPClient", "Wire", "Kernel"], false),
    ("HTTPServerTests", ["HTTPServer", "Wire", "Kernel"], true),
    ("BooksTests", ["Books", "Kernel"], false),
    ("ChecksTests", ["Checks", "Books", "Kernel"], false),
    ("ScenarioTests", ["Scenario", "Books", "Wire", "Kernel"], true),
    ("TwinQuickBooksOnlineTests", ["TwinQuickBooksOnline", "TwinKit", "Crypto", "Wire", "Kernel"], false),
    ("TwinXeroTests", ["TwinXero", "TwinKit", "Crypto", "Wire", "Kernel"], false),
    ("SandboxTests", ["Sandbox", "TwinKit", "TwinQuickBooksOnline", "TwinXero", "HTTPServer", "HTTPClient", "Crypto", "Wire", "Kernel"], true),
    ("ShopifyTests", ["Shopify", "ConnectorKit", "Books", "Wire", "Crypto", "Kernel"], true),
    ("QuickBooksOnlineTests", ["QuickBooksOnline", "ConnectorKit", "Books", "Wire", "Crypto", "Kernel"], false),
    ("StripeTests", ["Stripe", "ConnectorKit", "Books", "Wire", "Crypto", "Kernel"], true),
    ("XeroTests", ["Xero", "ConnectorKit", "Books", "Wire", "Crypto", "Kernel"], false),
    ("DayTests", ["Sandbox", "TwinKit", "TwinQuickBooksOnline", "TwinXero", "Shopify", "Mapping", "Checks", "Books", "ConnectorKit", "Wire", "Kernel"], false),
    ("ControlPlaneTests", ["ControlPlane", "TestKit", "Store", "Postgres", "HTTPServer", "ConnectorKit", "Crypto", "Telemetry", "Mapping", "Books",
                           "Wire", "Kernel"], false),
    ("PipelineTests", ["Pipeline", "Checks", "Mapping", "Courier", "Store", "Postgres", "ConnectorKit", "Telemetry", "Wire", "Books", "Crypto", "TestKit",
                       "HTTPServer", "HTTPClient", "Kernel"], false),
    ("StoreTests", ["Store", "TestKit", "Postgres", "Telemetry", "Crypto", "Books", "Kernel"], false),
    ("CourierTests", ["Courier", "Store", "ConnectorKit", "HTTPClient", "Telemetry", "Crypto", "Wire", "Kernel"], false),
    ("SchedulerTests", ["Scheduler", "Store", "TestKit", "Postgres", "Crypto", "Telemetry", "Wire", "Kernel", "CSystem"], false),
    ("WorkerTests", ["Worker", "Pipeline", "Catalog", "Courier", "Store", "ConnectorKit", "HTTPClient", "Postgres", "Telemetry", "Mapping", "Kernel",
                     "Wire", "Books", "Crypto", "CSystem", "TestKit"], false),
    ("MappingTests", ["Mapping", "Books", "Wire", "Kernel"], false),
    ("TelemetryTests", ["Telemetry", "Wire", "Kernel"], false),
    ("ConnectorKitTests", ["ConnectorKit", "Catalog", "Books", "Wire", "Crypto", "Kernel"], true),
    ("SimulationTests", ["Pipeline", "Checks", "Mapping", "Courier", "Store", "ConnectorKit", "HTTPClient", "Telemetry", "Wire", "Books", "Crypto",
                         "Kernel", "TestKit", "Postgres"], false),
    ("TortureTests", ["Sandbox", "TwinKit", "TwinQuickBooksOnline", "TwinXero", "HTTPServer", "HTTPClient", "Crypto", "Wire", "Kernel"], false),
    ("ScaffoldTests", ["Scaffold", "Kernel"], false),
    ("TidyTests", [], false),
]
for test in tests {
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
