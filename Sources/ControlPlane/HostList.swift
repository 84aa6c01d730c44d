/// The operator's list of hosts, as connections' base URLs are held against it. The one guard of every outgoing call stands elsewhere and judges again.
struct HostList: Sendable {
    private let allowed: Set<String>

    /// `host:port`, or `host` alone for ports 80 and 443.
    init(_ entries: [String]) {
        var allowed: Set<String> = []
        for entry in entries {
            let name = entry.lowercased()
            let tail = name.hasPrefix("[") ? name[(name.firstIndex(of: "]") ?? name.startIndex)...] : name[...]
            if tail.contains(":") { allowed.insert(name) } else { allowed.formUnion(["\(name):80", "\(name):443"]) }
        }
        self.allowed = allowed
    }

    /// Whether credentials may be sent there: it is on the list, or it is the platform's own place over https.
    func allows(_ url: String, own bases: [String]) -> Bool {
        guard let place = HostList.place(of: url) else { return false }
        return allowed.contains(place) || url.lowercased().hasPrefix("https://") && bases.contains { HostList.place(of: $0) == place }
    }

    /// `host:port` of an http or https URL without user, query and fragment; `nil` for anything else.
    static func place(of url: String) -> String? {
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
