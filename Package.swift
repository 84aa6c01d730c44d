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
    ("Xero", ["ConnectorKit", "Books", "Wire", "Crypto", "Kernel"]),
    ("Catalog", ["ConnectorKit", "Shopify", "QuickBooksOnline", "Xero"]),
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
    ("Sandbox", ["Kernel", "Wire", "Crypto", "HTTPServer", "HTTPClient"]),
]

let connectors: Set<String> = ["Shopify", "QuickBooksOnline", "Xero"]

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

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
        path: connectors.contains(room.name) ? "Sources/Connectors/\(room.name)" : "Sources/\(room.name)",
        swiftSettings: strict
    ))
}

let package = Package(
    name: "counterfoil",
    products: [.executable(name: "counterfoil", targets: ["counterfoil"])],
    targets: targets,
    swiftLanguageModes: [.v6]
)
