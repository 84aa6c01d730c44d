internal import Glibc
internal import Kernel
internal import Synchronization

/// The hosts of one attempt to connect, as libpq tries them: one after another. Names among them are looked up elsewhere, and libpq is handed addresses
/// (`hostaddr`) beside the names, which it still needs for TLS: it would look names up on the thread that calls it.
struct HostNames: Sendable, Equatable {
    private struct Host: Sendable, Equatable {
        var name: String
        /// Given, or empty.
        var address: String
        var port: String
    }

    private let hosts: [Host]
    private let keywords: [String: String]
    private let hasPorts: Bool

    /// To be looked up; none for sockets, addresses, and where libpq knows more than we do.
    let wanted: Set<String>

    /// - keywords: what libpq would be handed.
    /// - environment: libpq's own variables, which fill in what is left out.
    /// - Source: PostgreSQL 17 documentation, 32.1.1.3 (multiple hosts) and 32.15 (environment variables).
    init(_ keywords: [(keyword: String, value: String)], environment: (String) -> String?) {
        var all = Dictionary(keywords.map { ($0.keyword, $0.value) }) { _, last in last }
        // What a service file says goes before the variables: libpq is left to put them together.
        let hasService = all["service"] != nil || environment("PGSERVICE") != nil
        for (keyword, variable) in [("host", "PGHOST"), ("hostaddr", "PGHOSTADDR"), ("port", "PGPORT")] where all[keyword] == nil && !hasService {
            if let value = environment(variable), !value.isEmpty { all[keyword] = value }
        }
        let names = HostNames.list(all["host"]), addresses = HostNames.list(all["hostaddr"]), ports = HostNames.list(all["port"])
        self.keywords = all
        hasPorts = !ports.isEmpty
        // Without a name there is nothing to look up; lists that don't match are for libpq to refuse.
        guard !names.isEmpty, addresses.isEmpty || addresses.count == names.count, ports.count <= 1 || ports.count == names.count, !hasService else {
            (hosts, wanted) = ([], [])
            return
        }
        hosts = names.indices.map { n in
            Host(name: names[n], address: addresses.isEmpty ? "" : addresses[n], port: ports.isEmpty ? "" : ports.count == 1 ? ports[0] : ports[n])
        }
        wanted = Set(hosts.filter { $0.address.isEmpty && HostNames.isName($0.name) }.map(\.name))
    }

    /// What libpq is to be handed: each address of each name in the order that they were found in; names without any are left out.
    /// - attempt: counts failures so far. Once each host has been the first, each name begins with its next address: one that swallows packets takes all the time
    /// that an attempt has.
    /// - Returns: `nil` when no host is left.
    func keywords(found: [String: [String]], attempt: Int = 0) -> [(keyword: String, value: String)]? {
        guard !wanted.isEmpty else { return sorted(keywords) }
        let tried = hosts.flatMap { host in
            guard wanted.contains(host.name), host.address.isEmpty else { return [host] }
            let addresses = found[host.name] ?? []
            let turn = attempt / hosts.count % max(1, addresses.count)
            return (addresses[turn...] + addresses[..<turn]).map { Host(name: host.name, address: $0, port: host.port) }
        }
        guard !tried.isEmpty else { return nil }
        var out = keywords
        out["host"] = tried.map(\.name).joined(separator: ",")
        out["hostaddr"] = tried.map(\.address).joined(separator: ",")
        if hasPorts { out["port"] = tried.map(\.port).joined(separator: ",") }
        return sorted(out)
    }

    private func sorted(_ all: [String: String]) -> [(keyword: String, value: String)] {
        all.map { (keyword: $0.key, value: $0.value) }.sorted { $0.keyword < $1.keyword }
    }

    private static func list(_ text: String?) -> [String] {
        guard let text, !text.isEmpty else { return [] }
        return text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    /// Not empty (libpq's own socket folder), no folder, no abstract socket, and no address.
    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, first != UInt8(ascii: "/"), first != UInt8(ascii: "@") else { return false }
        return addresses(of: text, flags: AI_NUMERICHOST).isEmpty
    }

    /// What the system's resolver knows, in its order; blocks for as long as it takes, but for numeric hosts alone (`AI_NUMERICHOST`).
    static func addresses(of name: String, flags: Int32 = 0) -> [String] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0, let list else { return [] }
        defer { freeaddrinfo(list) }
        var out: [String] = []
        var next: UnsafeMutablePointer<addrinfo>? = list
        while let entry = next {
            // NI_MAXHOST.
            var text = [CChar](repeating: 0, count: 1025)
            if getnameinfo(entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
                let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if !out.contains(address) { out.append(address) }
            }
            next = entry.pointee.ai_next
        }
        return out
    }
}

/// Looks names up on threads of their own, one a name however many ask for it: a name server that does not answer keeps nobody else waiting. Beside one that does not
/// come back a second is made, and no third: it may have been asking a server that is gone for good.
final class Resolver: Sendable {
    /// Blocks; the name's addresses, the first to be tried first.
    typealias Look = @Sendable (_ name: String) -> [String]

    private final class Order {
        let name: String
        let since: Duration
        let resolver: Resolver
        let answer: @Sendable (String, [String]) -> Void

        init(_ name: String, _ since: Duration, _ resolver: Resolver, _ answer: @escaping @Sendable (String, [String]) -> Void) {
            (self.name, self.since, self.resolver, self.answer) = (name, since, resolver, answer)
        }
    }

    private let look: Look
    private let clocks: any Clocks
    /// Since when each name is being looked up, the last to begin at the end.
    private let underWay = Mutex<[String: [Duration]]>([:])

    /// As long as glibc asks three silent servers for a name: five seconds each, twice.
    /// - Source: resolv.conf(5), `timeout` and `attempts`.
    static let looksMost = Duration.seconds(30)

    init(clocks: any Clocks = SystemClocks(), _ look: @escaping Look) {
        self.clocks = clocks
        self.look = look
    }

    /// Calls `answer` from another thread, once for all who have asked for the name meanwhile; with nothing where it is unknown or no thread can be had.
    func find(_ name: String, _ answer: @escaping @Sendable (String, [String]) -> Void) {
        let now = clocks.monotonic()
        let begins = underWay.withLock { underWay in
            let since = underWay[name] ?? []
            guard since.isEmpty || (since.count == 1 && now - since[0] >= Resolver.looksMost) else { return false }
            underWay[name] = since + [now]
            return true
        }
        guard begins else { return }
        let order = Unmanaged.passRetained(Order(name, now, self, answer))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                let order = Unmanaged<Order>.fromOpaque(raw).takeRetainedValue()
                let found = order.resolver.look(order.name)
                order.resolver.end(order.name, order.since)
                order.answer(order.name, found)
                return nil
            }, order.toOpaque())
        guard code == 0 else {
            order.release()
            end(name, now)
            return answer(name, [])
        }
        pthread_detach(thread)
    }

    private func end(_ name: String, _ since: Duration) {
        underWay.withLock { underWay in
            let left = (underWay[name] ?? []).filter { $0 != since }
            underWay[name] = left.isEmpty ? nil : left
        }
    }
}
