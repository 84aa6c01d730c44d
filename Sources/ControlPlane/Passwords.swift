internal import Crypto
internal import Dispatch
internal import Glibc
internal import Kernel
internal import Store
internal import Wire

/// Where passwords are made into what is kept of them, and compared: a thread of its own, because each takes a good part of a second. Only so many wait.
final class Passwords: Sendable {
    private let queue = DispatchQueue(label: "counterfoil.passwords")
    private let waiting = Locked(0)
    private let random: any RandomSource

    init(random: any RandomSource) { self.random = random }

    /// - Throws: `sign_in_busy` when too many wait; `password_hash_failed`.
    func make(_ password: Secret) async throws(Fault) -> String {
        let random = random
        return try await run {
            do throws(Fault) { return .success(try PasswordHash.make(password, random: random)) } catch { return .failure(error) }
        }
    }

    /// - Throws: `sign_in_busy` when too many wait.
    func verify(_ password: Secret, against stored: String) async throws(Fault) -> Bool {
        try await run { .success(PasswordHash.verify(password, against: stored)) }
    }

    private func run<Value: Sendable>(_ work: @escaping @Sendable () -> Result<Value, Fault>) async throws(Fault) -> Value {
        let isFree = waiting.with { waiting in
            if waiting < ControlPlaneLimits.passwordsWaiting {
                waiting += 1
                return true
            }
            return false
        }
        guard isFree else {
            throw Fault(
                "sign_in_busy", stage: .api, disposition: .wait, summary: "too many people sign in at this moment", remedy: "Try again in a minute.",
                retryAfter: .seconds(ControlPlaneLimits.retryAfterSeconds))
        }
        defer { waiting.with { $0 -= 1 } }
        let result: Result<Value, Fault> = await withCheckedContinuation { continuation in queue.async { continuation.resume(returning: work()) } }
        return try result.get()
    }
}

/// What keeps passwords from being guessed: wrong ones are counted in the database, for all control planes together.
struct SignInGuard: Sendable {
    /// Wrong passwords within `window`.
    struct Bounds: Sendable {
        /// For one name from one address.
        var pair = 5
        /// For one name from all addresses: higher, so that nobody is locked out by a stranger with a handful of tries.
        var name = 50
        /// From one address for all names.
        var address = 50
    }

    static let window: Duration = .seconds(15 * 60)

    private let subjects: [[UInt8]]
    private let bounds = Bounds()
    private let desk: Desk

    init(name: String, address: String, _ desk: Desk) {
        self.desk = desk
        let name = name.lowercased()
        let address = SignInGuard.place(address)
        subjects = [["pair", name, address], ["name", name], ["address", address]].map { Digest.sha256(Array($0.joined(separator: "\u{0}").utf8)) }
    }

    /// What counts as one address: of IPv6 the network (/64), within which a host has as many as it likes.
    static func place(_ address: String) -> String {
        var parsed = in6_addr()
        guard inet_pton(AF_INET6, address, &parsed) == 1 else { return address }
        let bytes = withUnsafeBytes(of: &parsed) { Array($0) }
        // IPv4 in the dress of IPv6 is one address.
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
        return isMapped ? address : bytes[..<8].hexText + "/64"
    }

    /// How a try begins: may it be made at all?
    enum Begin: Sendable {
        /// `isLast`: one more that is wrong, and it is closed.
        case go(isLast: Bool)
        /// Until then.
        case closed(Timestamp)
    }

    /// Counts the try.
    func begin() async throws(Fault) -> Begin {
        // One address alone closes itself, and the name for itself: only tries that it may still make count against the name everywhere.
        let near = try await begin([(subjects[0], bounds.pair), (subjects[2], bounds.address)])
        guard case .go(let isLast) = near else { return near }
        let everywhere = try await begin([(subjects[1], bounds.name)])
        guard case .go(let isLastOfAll) = everywhere else { return everywhere }
        return .go(isLast: isLast || isLastOfAll)
    }

    private func begin(_ counted: [(subject: [UInt8], most: Int)]) async throws(Fault) -> Begin {
        let tries = try await desk.store.countSignIn(counted.map(\.subject), at: desk.clocks.now(), window: SignInGuard.window)
        var closed: Timestamp?, isLast = false
        for (subject, most) in counted {
            guard let row = tries.first(where: { $0.subject == subject }) else { continue }
            if row.tries > most { closed = max(closed ?? row.since, row.since + SignInGuard.window) }
            if row.tries == most { isLast = true }
        }
        return closed.map { .closed($0) } ?? .go(isLast: isLast)
    }

    /// `look` at the password. A try whose password nobody could look at was none.
    func trying<R: Sendable>(_ look: () async throws(Fault) -> R) async throws(Fault) -> R {
        do throws(Fault) { return try await look() } catch {
            try await desk.store.giveBackSignIn(subjects)
            throw error
        }
    }

    /// It was right.
    func succeeded() async throws(Fault) { try await desk.store.forgiveSignIn(subjects[0], [subjects[1], subjects[2]]) }
}

extension Call {
    /// Where a browser is: the socket's other end, or what a proxy of ours says of it. A proxy is on this machine or in a private network; it adds what it
    /// sees at the end of `X-Forwarded-For`.
    var address: String { Call.address(of: request, peer) }

    static func address(of request: HTTPRequest, _ peer: String) -> String {
        guard isNear(peer) else { return peer }
        let last = request.fields.all("X-Forwarded-For").last.flatMap { $0.split(separator: ",").last }.map { $0.filter { $0 != " " && $0 != "\t" } } ?? ""
        let host = withoutPort(last)
        return isAddress(host) ? host : peer
    }

    /// What stands before a port, as Azure Application Gateway and others write it behind the address, of IPv6 without the brackets. With the port each connection
    /// would be another address.
    private static func withoutPort(_ text: String) -> String {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let port = parts.last.map { (1 ... 5).contains($0.utf8.count) && $0.utf8.allSatisfy { (48 ... 57).contains($0) } } ?? false
        let host = port && (parts.count == 2 || text.hasPrefix("[")) ? parts.dropLast().joined(separator: ":") : text
        return host.hasPrefix("[") && host.hasSuffix("]") && host.contains(":") ? String(host.dropFirst().dropLast()) : host
    }

    /// A word would be the same for all.
    private static func isAddress(_ text: String) -> Bool {
        var four = in_addr(), six = in6_addr()
        return inet_pton(AF_INET, text, &four) == 1 || inet_pton(AF_INET6, text, &six) == 1
    }

    private static func isNear(_ address: String) -> Bool {
        let plain = address.hasPrefix("::ffff:") ? String(address.dropFirst(7)) : address
        if plain == "::1" || ["127.", "10.", "192.168.", "169.254.", "fc", "fd", "fe80:"].contains(where: plain.hasPrefix) { return true }
        guard plain.hasPrefix("172."), let second = plain.split(separator: ".").dropFirst().first.flatMap({ Int($0) }) else { return false }
        return (16 ... 31).contains(second)
    }
}
