internal import Dispatch
internal import Glibc
public import Kernel

/// Which hosts may be reached: public addresses over https, and what the operator lists besides (self-hosted ledgers,
/// vendor sandboxes, twins), which may be private and plain http.
///
/// The guard stands twice: the URL is judged here before anything else, and every address a name resolves to is
/// judged again right before a socket to it is made, so that a name can't change its mind in between.
public struct EgressPolicy: Sendable {
    private let allowed: Set<String>

    /// - Parameter allowedHosts: `host:port`, or `host` alone for ports 80 and 443; IPv6 in brackets. A name is
    ///   compared as written in the URL, without case. An entry that is neither allows nothing.
    public init(allowedHosts: [String]) {
        var allowed: Set<String> = []
        for entry in allowedHosts {
            let name = entry.lowercased()
            let tail = name.hasPrefix("[") ? name[(name.firstIndex(of: "]") ?? name.startIndex)...] : name[...]
            if tail.contains(":") {
                allowed.insert(name)
            } else {
                allowed.formUnion(["\(name):80", "\(name):443"])
            }
        }
        self.allowed = allowed
    }

    /// Judges a URL by its text: scheme, list, and address if the host is one. A name's addresses are judged when it is
    /// resolved, by `HTTPClient` itself.
    /// - Throws: `egress_refused`.
    public func check(_ url: String) throws(Fault) {
        try check(URLParts(url, bytesMax: ExchangeLimits().urlBytesMax))
    }

    /// - Returns: whether the operator lists it.
    @discardableResult
    func check(_ parts: URLParts) throws(Fault) -> Bool {
        guard !lists(parts) else { return true }
        guard parts.isEncrypted else {
            throw Self.refused(parts.place, "plain http reaches listed hosts only")
        }
        if let address = Address(literal: parts.host), !address.isPublic {
            throw Self.refused(parts.place, "the address is not a public one")
        }
        return false
    }

    /// As `check`, and of a name also by the addresses that it has now: what an exchange would meet, said before there is one. Mail servers (`smtp://`, `smtps://`)
    /// too. A name that nobody knows is left to the exchange.
    /// - Throws: `egress_refused`.
    public func foresee(_ url: String) async throws(Fault) {
        let mail = url.hasPrefix("smtp")
        let parts = try URLParts(mail ? MailEnvelope.withPort(url) : url, bytesMax: ExchangeLimits().urlBytesMax, schemes: mail ? ["smtp", "smtps"] : ["http", "https"])
        guard !lists(parts) else { return }
        try check(parts)
        let host = parts.host
        guard Address(literal: host) == nil else { return }
        let open: [Bool] = await withCheckedContinuation { done in
            // The name service is waited for on a thread of its own.
            DispatchQueue.global().async { done.resume(returning: Self.addresses(of: host).map(\.isPublic)) }
        }
        if !open.isEmpty, !open.contains(true) { throw Self.refused(parts.place, "its addresses are no public ones") }
    }

    private static func addresses(of host: String) -> [Address] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var out: [Address] = [], at = list
        while let entry = at?.pointee {
            let bytes = UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen))
            if let address = Address(socketAddress: bytes, family: entry.ai_family) { out.append(address) }
            at = entry.ai_next
        }
        return out
    }

    /// Whether the operator's list holds this host and port.
    func lists(_ parts: URLParts) -> Bool { allowed.contains(parts.authority) }

    static func refused(_ place: String, _ why: String) -> Fault {
        Fault(
            "egress_refused", stage: .http, disposition: .hold, summary: "\(place) may not be reached: \(why)",
            remedy: "If this host is meant, add host:port to the operator's list of allowed hosts")
    }
}

/// An IP address, to be judged.
struct Address {
    /// 4 or 16 bytes, network order.
    private let bytes: [UInt8]

    /// The address behind `sockaddr` bytes; `nil` for families other than IPv4 and IPv6.
    init?(socketAddress: UnsafeRawBufferPointer, family: Int32) {
        switch family {
        case AF_INET where socketAddress.count >= MemoryLayout<sockaddr_in>.size:
            bytes = Array(socketAddress[4 ..< 8])
        case AF_INET6 where socketAddress.count >= MemoryLayout<sockaddr_in6>.size:
            bytes = Array(socketAddress[8 ..< 24])
        default: return nil
        }
    }

    /// A host that is an address: dotted IPv4, or IPv6 with or without brackets.
    init?(literal host: String) {
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        var four = [UInt8](repeating: 0, count: 4)
        var sixteen = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, bare, &four) == 1 {
            bytes = four
        } else if inet_pton(AF_INET6, bare, &sixteen) == 1 {
            bytes = sixteen
        } else {
            return nil
        }
    }

    /// Whether the address is globally reachable unicast.
    /// - Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
    var isPublic: Bool { bytes.count == 4 ? Self.isPublic(four: bytes[...]) : Self.isPublic(sixteen: bytes) }

    /// First address, prefix length.
    private static let closedFour: [(UInt32, UInt32)] = [
        (0x0000_0000, 8),  // this network
        (0x0a00_0000, 8),  // private
        (0x6440_0000, 10),  // carrier-grade NAT
        (0x7f00_0000, 8),  // loopback
        (0xa9fe_0000, 16),  // link-local, cloud metadata
        (0xac10_0000, 12),  // private
        (0xc000_0000, 24),  // protocol assignments
        (0xc000_0200, 24),  // documentation
        (0xc058_6300, 24),  // 6to4 relays
        (0xc0a8_0000, 16),  // private
        (0xc612_0000, 15),  // benchmarking
        (0xc633_6400, 24),  // documentation
        (0xcb00_7100, 24),  // documentation
        (0xe000_0000, 4),  // multicast
        (0xf000_0000, 4),  // reserved, broadcast
    ]

    private static func isPublic(four bytes: ArraySlice<UInt8>) -> Bool {
        let value = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return !closedFour.contains { value >> (32 - $0.1) == $0.0 >> (32 - $0.1) }
    }

    private static func isPublic(sixteen bytes: [UInt8]) -> Bool {
        // ::ffff:a.b.c.d is IPv4 in other clothes, and 64:ff9b::a.b.c.d leads to it through NAT64.
        if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
            return isPublic(four: bytes[12...])
        }
        if bytes[..<12].elementsEqual([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]) {
            return isPublic(four: bytes[12...])
        }
        let head = bytes[..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        // Of 2000::/3, all that is global unicast, without 2001::/23 (Teredo, ORCHID, benchmarking),
        // 2001:db8::/32 and 3fff::/20 (documentation) and 2002::/16 (6to4).
        return head >> 29 == 1 && head >> 9 != 0x2001_0000 >> 9 && head != 0x2001_0db8 && head >> 16 != 0x2002
            && head >> 12 != 0x3fff_0000 >> 12
    }
}
