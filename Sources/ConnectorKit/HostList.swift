/// The operator's list of hosts besides the platforms' own, and what each entry is for. The one guard of every outgoing call stands elsewhere and judges again.
///
/// An entry is `host:port`, or `host` alone for ports 80 and 443: any connection may name it as its base, and what is the tenant's own goes there.
/// `PLATFORM=host:port` is for connections of that platform alone, and what is the operator's (his app's secret, his sender) goes there as well;
/// `alerts=host:port` is for whom we tell something: routes of alerts, bells.
public struct HostList: Sendable {
    private var open: Set<String> = []
    private var named: [String: Set<String>] = [:]
    private let entries: [(name: String?, host: String)]

    public init(_ entries: [String]) {
        self.entries = entries.map { entry -> (name: String?, host: String) in
            let parts = entry.lowercased().split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : (nil, String(parts[0]))
        }
        for (name, host) in self.entries {
            if let name { named[name, default: []].formUnion(HostList.places(host)) } else { open.formUnion(HostList.places(host)) }
        }
    }

    private static func places(_ host: String) -> [String] {
        let tail = host.hasPrefix("[") ? host[(host.firstIndex(of: "]") ?? host.startIndex)...] : host[...]
        return tail.contains(":") ? [host] : ["\(host):80", "\(host):443"]
    }

    /// The name under which receivers of alerts are listed: a host that is listed for a ledger is none of them.
    public static let alerts = "alerts"

    /// What entries are for, where they say so: ids of platforms, and `alerts`.
    public var names: Set<String> { Set(named.keys) }

    /// Hosts that connections may name, as the guard of outgoing calls takes them.
    public var hosts: [String] { entries.filter { $0.name != HostList.alerts }.map(\.host) }

    /// Hosts that routes of alerts and bells may name.
    public var receivers: [String] { entries.filter { $0.name == HostList.alerts }.map(\.host) }

    /// Whether a route of alerts or a bell may name it though it is plain http.
    public func allowsAlerts(_ url: String) -> Bool { HostList.place(of: url).map { named[HostList.alerts]?.contains($0) ?? false } ?? false }

    /// Whether a connection of the platform may have this base: it is on the list, or it is the platform's own place over https.
    public func allows(_ url: String, _ spec: PlatformSpec, account: String) -> Bool {
        guard let place = HostList.place(of: url) else { return false }
        return open.contains(place) || named[spec.id]?.contains(place) ?? false || HostList.isOwn(url, spec, account: account)
    }

    /// Whether what is the operator's may go to a connection's base; `nil`: the platform's own.
    public func trusts(_ base: String?, _ spec: PlatformSpec, account: String) -> Bool {
        guard let base else { return true }
        guard let place = HostList.place(of: base) else { return false }
        return named[spec.id]?.contains(place) ?? false || HostList.isOwn(base, spec, account: account)
    }

    private static func isOwn(_ url: String, _ spec: PlatformSpec, account: String) -> Bool {
        url.lowercased().hasPrefix("https://") && spec.ownBases(account: account).contains { HostList.place(of: $0) == HostList.place(of: url) }
    }

    /// Whether two bases are of one place: scheme, host and port; `nil`: the platform's own.
    public static func isSame(_ one: String?, _ other: String?, _ spec: PlatformSpec, account: String) -> Bool {
        let usual = Address.of(spec.productionBase, account: account)
        func origin(_ url: String) -> String { "\(url.lowercased().hasPrefix("https://")) \(HostList.place(of: url) ?? url)" }
        return one == other || origin(one ?? usual) == origin(other ?? usual)
    }

    /// `host:port` of an http or https URL without user, query and fragment; `nil` for anything else.
    public static func place(of url: String) -> String? {
        let lower = url.lowercased()
        guard let scheme = ["https://", "http://"].first(where: { lower.hasPrefix($0) }), url.utf8.count <= 500,
            url.utf8.allSatisfy({ $0 > 32 && $0 < 127 && ![34, 35, 60, 62, 63, 64, 92, 94, 96, 123, 124, 125].contains($0) })
        else { return nil }
        let authority = String(lower.dropFirst(scheme.count).prefix { $0 != "/" })
        let tail = authority.hasPrefix("[") ? authority[(authority.firstIndex(of: "]") ?? authority.startIndex)...] : authority[...]
        guard let colon = tail.firstIndex(of: ":") else { return authority.isEmpty ? nil : "\(authority):\(scheme == "https://" ? 443 : 80)" }
        guard colon > authority.startIndex, let port = Int(authority[authority.index(after: colon)...]), (1 ... 65_535).contains(port) else { return nil }
        return "\(authority[..<colon]):\(port)"
    }
}

extension PlatformSpec {
    /// Production's and the sandbox's base, as far as the platform has them.
    func ownBases(account: String) -> [String] {
        [productionBase, sandboxBase].compactMap { $0 }.filter { !$0.isEmpty }.map { Address.of($0, account: account) }
    }
}
