extension Authentication.OAuth2 {
    /// How a person consents in a browser, where the platform lets them: facts alone. What is checked, and in which order, is the control plane's;
    /// the code is traded by the tenant's worker.
    public struct Consent: Sendable {
        /// What names the account that the person chose.
        public enum Account: Sendable, Equatable {
            /// A value of the callback, less its ending: `realmId`; `shop` without `.myshopify.com`.
            case callback(String, ending: String = "")
            /// The connector asks which accounts the grant reaches (`accounts`); the person chooses where there are several.
            case listed
            /// The connector asks who is there (`identify`).
            case identified
        }

        /// What proves that the platform wrote the callback's query.
        public enum Signature: Sendable, Equatable {
            /// The value of this name is the lower-case hexadecimal HMAC-SHA-256, under the client's secret, of all other pairs: sorted by name,
            /// written `name=value` and joined by `&`.
            case sortedPairs(String)
        }

        /// Path of the consent page below a connection's own base URL (a twin, a vendor sandbox).
        public var path: String
        /// The platform keeps a challenge with the code and wants the verifier with its exchange.
        /// - Source: RFC 7636, with S256.
        public var takesChallenge: Bool
        /// What the callback's `iss` must be where it has one; without it, the origin of the consent page or of the token endpoint.
        /// - Source: RFC 9207.
        public var issuer: String?
        public var scopeSeparator: String
        /// What the consent page is asked besides OAuth's own words.
        public var parameters: [(name: String, value: String)]
        /// What the exchange is asked besides OAuth's own words.
        public var exchange: [(name: String, value: String)]
        public var account: Account
        public var signature: Signature?
        /// Whether the grant before goes on working beside a new one is not certain: what is connected again has to be finished.
        public var mayEndFormer: Bool
        /// What is asked for, one thing a line, as whoever consents would say it.
        public var access: [String]
        /// What is asked for besides where a flow tells this source what the ledger has of its documents.
        public var told: (scopes: [String], access: String)?

        public init(
            path: String, takesChallenge: Bool = false, issuer: String? = nil, scopeSeparator: String = " ", parameters: [(name: String, value: String)] = [],
            exchange: [(name: String, value: String)] = [], account: Account, signature: Signature? = nil, mayEndFormer: Bool = false,
            access: [String], told: (scopes: [String], access: String)? = nil
        ) {
            self.path = path
            self.takesChallenge = takesChallenge
            self.issuer = issuer
            self.scopeSeparator = scopeSeparator
            self.parameters = parameters
            self.exchange = exchange
            self.account = account
            self.signature = signature
            self.mayEndFormer = mayEndFormer
            self.access = access
            self.told = told
        }
    }

    /// The consent page's own address names the account, so it has to be known before.
    public var namesAccount: Bool { authorizeURL.contains("{account") }
}

extension PlatformSpec {
    /// How connections of this platform are authorised; `nil` where it is not OAuth 2.
    public var oauth: Authentication.OAuth2? {
        guard case .oauth2(let oauth) = auth else { return nil }
        return oauth
    }

    /// The address of the consent page or of the token endpoint, for a connection with this base. Another base than the platform's own (a twin, a vendor
    /// sandbox) has it at `path`. A base that is the platform's own says nothing of it: most keep it on hosts apart, and those that have it below
    /// production's base have it below the sandbox's in the same place.
    /// - Parameter template: where production has it, see `Address`.
    public func authority(_ template: String, path: String, base: String?, account: String) -> String {
        let usual = Address.of(template, account: account)
        guard let base else { return usual }
        let own = ownBases(account: account)
        guard let mine = own.first(where: { Address.isBelow($0, base) }) else { return base + path }
        guard let production = own.first, usual.hasPrefix(production + "/") else { return usual }
        return mine + usual.dropFirst(production.count)
    }
}
