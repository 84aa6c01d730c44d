internal import Crypto
public import Kernel
public import Wire

/// What blanks are filled with, for one request.
public struct Materials: Sendable {
    /// Parts of the credential and values that a login gave, by name.
    public var parts: [String: Secret]
    public var accessToken: Secret
    public var account: String
    public var nonce: String
    /// Unix seconds.
    public var timestamp: Int64

    /// For this call. `random`: where the nonce comes from, for calls that have one.
    public init(
        parts: [String: Secret], accessToken: Secret, account: String, at now: Timestamp, random: some RandomSource, for call: Call, _ auth: Authentication
    ) {
        let takes = call.blanks?.takesNonce == true || (auth.headers + call.headers).contains { $0.value.takesNonce }
        self.init(parts: parts, accessToken: accessToken, account: account, at: now, nonce: takes ? Materials.nonce(random) : "")
    }

    public init(parts: [String: Secret], accessToken: Secret, account: String, at now: Timestamp, nonce: String) {
        self.parts = parts
        self.accessToken = accessToken
        self.account = account
        self.nonce = nonce
        timestamp = now.microseconds / 1_000_000
    }

    func part(_ name: String) throws(Fault) -> Secret {
        guard let part = parts[name], !part.isEmpty else { throw Materials.missing(name) }
        return part
    }

    static func missing(_ name: String) -> Fault { unreadable("lacks \(name)") }

    /// The same code as for a credential that is no JSON: both are mended by giving it anew.
    static func unreadable(_ why: String) -> Fault {
        Fault(
            "credential_unreadable", stage: .courier, disposition: .reauthorise, summary: "the stored credential \(why)", remedy: "Connect the account again.")
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    /// Twenty letters and digits: 119 bits.
    private static func nonce(_ random: some RandomSource) -> String {
        var out: [UInt8] = []
        while out.count < 20 {
            // 248 is the last multiple of 62 that a byte holds: each letter is as likely as the others.
            out += random.bytes(32).filter { $0 < 248 }.map { alphabet[Int($0) % 62] }
        }
        return String(decoding: out.prefix(20), as: UTF8.self)
    }
}

/// A call with all that it needs on its way: the platform's headers, the one-time key, the credential.
public enum Dressing {
    /// What would be sent, for people to look at: the same but for the host, and `***` where the credential goes.
    public static func preview(_ call: Call, _ connector: any Connector, _ facts: ConnectionFacts) -> HTTPRequest {
        var out = plain(call, connector, facts)
        for name in ["Authorization", "Proxy-Authorization", "Cookie"] { out.fields[name] = nil }
        for header in headers(call, connector.spec.auth) { out.fields[header.name] = header.value.preview(account: facts.account) }
        if let body = call.blanks { out.body = body.preview(account: facts.account) }
        return out
    }

    /// What is to be sent, and what of it must never be seen again: an answer may repeat it.
    public struct Dressed: Sendable {
        public var request: HTTPRequest
        /// Secrets as they are and as they were written.
        public var hidden: Set<String>
    }

    /// The request itself. `base`: scheme and host, and what stands before every path. `login`: the call that opens a session has only its own
    /// headers.
    /// - Throws: `target_not_a_path`, `header_unsendable`, `secret_in_target` (bugs of a connector); `credential_unreadable`.
    public static func request(
        _ call: Call, _ connector: any Connector, _ facts: ConnectionFacts, base: String, _ hand: Materials, login: Bool = false
    ) throws(Fault) -> Dressed {
        let name = connector.spec.name
        // Anything else could move the credential to another host.
        guard call.request.target.hasPrefix("/") else {
            throw Fault("target_not_a_path", stage: .courier, disposition: .bug, summary: "a call of \(name) names no path below the connection's host")
        }
        var out = plain(call, connector, facts)
        out.target = base + out.target
        let open = connector.spec.auth.openNames
        guard !shows(hand.accessToken, out.target), !hand.parts.contains(where: { !open.contains($0.key) && shows($0.value, out.target) }) else {
            throw Fault("secret_in_target", stage: .courier, disposition: .bug, summary: "a call of \(name) has a secret in its address")
        }
        var hidden = Set(hand.parts.filter { !open.contains($0.key) }.map { $0.value.revealText() })
        hidden.insert(hand.accessToken.revealText())
        if let body = call.blanks {
            out.body = try body.filled(hand)
            hidden.formUnion(try body.written(hand, but: open))
        }
        // Last, because a signature may be about all the rest.
        for header in login ? call.headers : headers(call, connector.spec.auth) {
            let value: String
            if case .oauth1(let oauth) = header.value { value = try oauth.header(for: out, hand) } else {
                value = String(decoding: try header.value.bytes(hand), as: UTF8.self)
            }
            guard value.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) else {
                throw Fault(
                    "header_unsendable", stage: .courier, disposition: .reauthorise,
                    summary: "the credential of \(name) has a character that no header may have", remedy: "Give the credential again, without line breaks.")
            }
            out.fields[header.name] = value
            if let word = value.split(separator: " ").last { hidden.insert(String(word)) }
        }
        return Dressed(request: out, hidden: hidden.filter { $0.utf8.count >= hiddenBytesLeast })
    }

    /// Shorter words stand in a sentence by chance.
    private static let hiddenBytesLeast = 4

    private static func headers(_ call: Call, _ auth: Authentication) -> [FilledHeader] { auth.headers + call.headers }

    private static func plain(_ call: Call, _ connector: any Connector, _ facts: ConnectionFacts) -> HTTPRequest {
        var out = connector.prepare(call.request, for: facts)
        for (name, value) in connector.spec.headers where out.fields[name] == nil { out.fields[name] = value }
        if let key = call.once, let name = connector.spec.idempotency.header { out.fields[name] = key }
        return out
    }

    /// What is shorter stands in an address by chance.
    private static func shows(_ secret: Secret, _ text: String) -> Bool { secret.count >= 8 && text.contains(secret.revealText()) }
}
