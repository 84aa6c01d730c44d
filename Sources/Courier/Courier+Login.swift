internal import ConnectorKit
internal import HTTPClient
internal import Kernel
internal import Store
internal import Wire

/// How a token or a session is asked for: by a refresh token, by the client's own proof, by a login. Each is a write: an owner that comes after us
/// must not find it under way.
extension Courier {
    func exchange(_ refresh: Secret, _ set: Credential, _ trip: Trip) async throws(Fault) -> TokenRefresh.Event {
        guard case .oauth2(let oauth) = trip.spec.auth else { return .refused }
        hide(set.kept, trip)
        try withhold(set, trip.spec, trip.connection.row)
        let endpoint = TokenEndpoint(oauth, trip.spec, row: trip.connection.row)
        let outcome = try await ask(endpoint.request(oauth, refresh: refresh, from: set))
        return told(endpoint.event(outcome, from: set, at: clocks.now()), trip)
    }

    func login(_ set: Credential, _ trip: Trip) async throws(Fault) -> TokenRefresh.Event {
        hide(set.kept, trip)
        try withhold(set, trip.spec, trip.connection.row)
        switch trip.spec.auth {
        case .oauth2, .keys: return .refused
        case .clientCredentials(let client):
            let endpoint = TokenEndpoint(client, trip.spec, row: trip.connection.row)
            let outcome = try await ask(try endpoint.request(client, from: set, at: clocks.now(), random: random))
            return told(endpoint.event(outcome, from: set, at: clocks.now()), trip)
        case .session(let session):
            let call = session.login(trip.connection.facts)
            // Logins have limits of their own at some platforms, and count with the rest at others.
            try await charge(call, trip)
            var bare = set
            bare.session = [:]
            let facts = trip.connection.facts
            let hand = Materials(
                parts: bare.materials, accessToken: bare.accessToken, account: facts.account, at: clocks.now(), random: random, for: call, trip.spec.auth)
            let dressed = try Dressing.request(call, trip.connector, facts, base: base(trip, bare), hand, login: true)
            hide(dressed.hidden, trip)
            let outcome = try await ask(dressed.request)
            let answer = LoginAnswer(session: session, platform: trip.spec.name, staysThere: trip.connection.row.baseURL != nil)
            return told(answer.event(outcome, to: call, trip.connector, from: set, at: clocks.now()), trip)
        }
    }

    /// What is the operator's goes to the platform's own places and where he says so for this platform, whoever wrote the connection's base.
    /// - Throws: `operators_withheld`.
    func withhold(_ set: Credential, _ spec: PlatformSpec, _ row: ConnectionRow) throws(Fault) {
        guard set.holdsOperators(spec.auth), !hosts.trusts(row.baseURL, spec, account: row.account) else { return }
        let place = row.baseURL.flatMap { HostList.place(of: $0) } ?? "that host"
        throw Fault(
            "operators_withheld", stage: .courier, disposition: .hold, summary: "what is the operator's at \(spec.name) is not sent to \(place)",
            remedy: "Have the operator add \(spec.id)=\(place) to the allowed hosts, or give the connection a credential of its own.")
    }

    /// Scheme and host that a connection's calls go to: its own base, else where a login sent us, else the platform's.
    func base(_ trip: Trip, _ set: Credential) -> String {
        let row = trip.connection.row
        return row.baseURL ?? set.session[LoginAnswer.base]?.revealText() ?? Address.of(trip.spec.productionBase, account: row.account)
    }

    func ask(_ request: HTTPRequest) async throws(Fault) -> HTTPOutcome {
        guard clocks.monotonic() + Courier.requestMost < deadline() else { throw Courier.leaseEnding }
        return await client.send(request, timeout: Courier.requestMost, startBy: deadline() - Courier.requestMost)
    }

    private func told(_ event: TokenRefresh.Event, _ trip: Trip) -> TokenRefresh.Event {
        if case .issued(let new) = event { lines[trip.id]?.life = new.expiresAt.map { $0 - clocks.now() } }
        return event
    }
}

/// What the answer to a login says. Pure.
struct LoginAnswer: Sendable {
    var session: Authentication.Session
    var platform: String
    /// The connection names its own base, and keeps to it wherever the login would send it.
    var staysThere = false

    /// The name under which the address is kept that a login sent us to; no platform's value has it.
    static let base = "(base)"

    /// As the machine hears it. `now`: when the answer was there.
    func event(_ outcome: HTTPOutcome, to call: Call, _ connector: any Connector, from set: Credential, at now: Timestamp) -> TokenRefresh.Event {
        switch outcome {
        case .answered(let response):
            if (200 ..< 300).contains(response.status), let made = made(response) { return opened(made, response, from: set, at: now) }
            return judged(connector.judge(hidden(response), to: call))
        case .notSent(let fault), .unknown(let fault): return .failed(fault.code == "cancelled" ? fault : down(fault.code))
        }
    }

    /// All that is required, or nothing.
    private func made(_ response: HTTPResponse) -> [String: Secret]? {
        var out: [String: Secret] = [:]
        for value in session.gives {
            if let text = value.place.value(in: response) { out[value.name] = Secret(text) } else if value.isRequired { return nil }
        }
        return out
    }

    private func opened(_ made: [String: Secret], _ response: HTTPResponse, from set: Credential, at now: Timestamp) -> TokenRefresh.Event {
        var out = set
        out.session = made
        out.expiresAt = end(response, now)
        if !staysThere, let moves = session.moves, let address = made[moves.value]?.revealText() {
            guard let base = LoginAnswer.base(of: address, within: moves.domains) else {
                return .failed(Fault(
                    "login_moved_away", stage: .courier, disposition: .retry, summary: "the login at \(platform) names an address that is not \(platform)'s"))
            }
            out.session[LoginAnswer.base] = Secret(base)
        }
        return .issued(out)
    }

    private func end(_ response: HTTPResponse, _ now: Timestamp) -> Timestamp? {
        let end: Timestamp? =
            switch session.ends {
            case nil: nil
            case .after(let life): now + life
            case .at(let place): place.value(in: response).flatMap { Timestamp(rfc3339: $0) }
            case .lasts(let place, let unit):
                place.value(in: response).flatMap { Int($0) }.flatMap { (1 ... TokenEndpoint.lifeMost).contains($0) ? now + unit * $0 : nil }
            }
        return end.flatMap { $0 > now && $0 <= now + .seconds(TokenEndpoint.lifeMost) ? $0 : nil }
    }

    /// An https address of one of the domains, cut to scheme and host.
    static func base(of address: String, within domains: [String]) -> String? {
        let scheme = "https://"
        guard address.lowercased().hasPrefix(scheme) else { return nil }
        let host = address.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }.lowercased()
        guard !host.isEmpty, host.utf8.allSatisfy({ (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 45 || $0 == 46 }) else { return nil }
        return domains.contains { host == $0 || host.hasSuffix("." + $0) } ? scheme + host : nil
    }

    /// The answer as a connector may see it: without what was given.
    private func hidden(_ response: HTTPResponse) -> HTTPResponse {
        var out = response
        out.fields["Set-Cookie"] = nil
        let given = session.gives.compactMap { $0.place.value(in: response) }.filter { $0.utf8.count >= 8 }
        for value in given { out.body = Array(String(decoding: out.body, as: UTF8.self).replacing(value, with: "***").utf8) }
        return out
    }

    private func judged(_ verdict: Verdict) -> TokenRefresh.Event {
        switch verdict {
        case .reauthorize: .refused
        case .throttled(let after, _):
            .failed(Fault(
                "throttled", stage: .courier, disposition: .wait, summary: "\(platform) asks to slow down", retryAfter: after ?? Backoff.throttleFirst))
        case .accepted:
            .failed(Fault(
                "login_answer_unreadable", stage: .courier, disposition: .retry, summary: "the answer to the login at \(platform) lacks what a login gives"))
        // None of these is a clear no to the credential itself.
        case .unavailable(let fault), .duplicate(let fault), .rejected(let fault), .outcomeUnknown(let fault): .failed(down(fault.code))
        }
    }

    private func down(_ why: String) -> Fault {
        Fault("login_down", stage: .courier, disposition: .retry, summary: "\(platform) lets nobody log in now", underlying: why)
    }
}

extension Credential {
    /// Something in it is the operator's: the secret of an app that people consent to, or a part that is declared to be his.
    func holdsOperators(_ auth: Authentication) -> Bool {
        guard isOperators else { return false }
        if case .oauth2 = auth { return clientSecret != nil }
        let there = materials
        return (auth.parts ?? []).contains { $0.isOperators && there[$0.name] != nil }
    }
}

extension Authentication {
    /// A new token or session comes from what a person gave.
    var isRemade: Bool {
        switch self {
        case .clientCredentials, .session: true
        case .oauth2, .keys: false
        }
    }
}
