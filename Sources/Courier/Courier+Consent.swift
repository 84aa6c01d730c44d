public import ConnectorKit
internal import HTTPClient
public import Kernel
internal import Store
internal import Wire

/// What a person's consent in a browser gave, with everything that its exchange for a token set takes.
public struct ConsentCode: Sendable {
    public var code: Secret
    /// What the code challenge was made of; `nil` where the platform takes none.
    public var verifier: Secret?
    /// The very address that the consent page was asked to answer to.
    public var redirectURI: String
    /// The operator's app: its id and secret, and no token.
    var app: Credential

    public init(code: Secret, verifier: Secret?, redirectURI: String, clientID: String, clientSecret: Secret) {
        self.code = code
        self.verifier = verifier
        self.redirectURI = redirectURI
        app = Credential(accessToken: Secret(""), clientID: clientID, clientSecret: clientSecret)
        app.isOperators = true
    }
}

/// What came of a code's one exchange.
public enum CodeTraded: Sendable {
    case issued(Credential)
    /// The platform says no: the code is used, too old or not ours.
    case refused
    /// Nothing left this machine: the code is as good as before.
    case notSent(Fault)
    /// Nobody knows whether the code is used. It is never sent again: a platform ends the grant of a code that comes twice.
    case unknown(Fault)
}

extension Courier {
    /// Trades a code for a token set, once. Nothing is kept: that is the caller's, before the first use.
    public func trade(_ code: ConsentCode, connector: any Connector, connection: CourierConnection) async -> CodeTraded {
        guard let oauth = connector.spec.oauth else { return .refused }
        let endpoint = TokenEndpoint(oauth, connector.spec, row: connection.row)
        let outcome: HTTPOutcome
        do throws(Fault) {
            try withhold(code.app, connector.spec, connection.row)
            outcome = try await ask(endpoint.request(oauth, code: code))
        } catch { return .notSent(error) }
        if case .notSent(let fault) = outcome { return .notSent(fault) }
        switch endpoint.event(outcome, from: code.app, at: clocks.now()) {
        case .issued(let credential): return .issued(credential.forgettingApp(unlessRenewedBy: oauth))
        case .refused: return .refused
        case .failed(let fault): return .unknown(fault)
        case .row, .saved, .waited: preconditionFailure("a token endpoint's answer is no row of ours")
        }
    }
}

extension Credential {
    /// The app's secret is the operator's, and at some platforms opens every account of theirs: it stays out of a token set that nothing renews. A set that
    /// is renewed keeps it, because the renewal is the worker's alone and wants it.
    fileprivate func forgettingApp(unlessRenewedBy oauth: Authentication.OAuth2) -> Credential {
        guard oauth.clientProof == .secret || refreshToken == nil else { return self }
        var out = self
        (out.refreshToken, out.clientID, out.clientSecret, out.isOperators) = (nil, nil, nil, false)
        return out
    }
}
