/// How requests prove who sends them: what a person gives once, what is made of it, and where it goes in a request. All of it is description;
/// the values themselves never come near a connector.
public enum Authentication: Sendable {
    /// OAuth 2 authorisation code with refresh; requests carry `Authorization: Bearer`.
    case oauth2(OAuth2)
    /// OAuth 2 without a person: a client's own secret or signed assertion is traded for an access token, again and again.
    case clientCredentials(ClientCredentials)
    /// Long-lived parts that go into each request as they are, or that it is signed with.
    case keys(Keys)
    /// A call that logs in, and what it gives goes into each request until it is refused.
    case session(Session)

    /// A long-lived token in a header of this name.
    public static func header(_ name: String, prefix: String = "") -> Authentication {
        .keys(Keys(
            parts: [CredentialPart("access_token", "the token, as the platform shows it")],
            headers: [FilledHeader(name, .joined([.text(prefix), .accessToken]))]))
    }

    /// HTTP Basic (RFC 7617) from two parts of these names.
    public static func basic(user: CredentialPart, password: CredentialPart) -> Authentication {
        .keys(Keys(parts: [user, password], headers: [.basic(.part(user.name), .part(password.name))]))
    }

    /// Nobody proves anything: nothing is ever sent.
    public static let none: Authentication = .keys(Keys(parts: [], headers: []))

    /// One word for it: `oauth2`, `client_credentials`, `keys`, `session`; `none` where nothing is asked for.
    public var word: String {
        switch self {
        case .keys(let keys) where keys.parts.isEmpty && keys.headers.isEmpty: "none"
        case .oauth2: "oauth2"
        case .clientCredentials: "client_credentials"
        case .keys: "keys"
        case .session: "session"
        }
    }

    /// What a person gives for a connection. `nil` where a token set is given: `access_token`, `refresh_token`, `expires_at`, `client_id` and
    /// `client_secret`, one of both tokens at least.
    public var parts: [CredentialPart]? {
        switch self {
        case .oauth2: nil
        case .clientCredentials(let client): client.parts
        case .keys(let keys): keys.parts
        case .session(let session): session.parts
        }
    }

    /// Names of parts that are no secrets.
    public var openNames: Set<String> {
        var out = Set((parts ?? []).filter { !$0.isSecret }.map(\.name))
        if parts == nil { out.insert("client_id") }
        if case .session(let session) = self, let moves = session.moves { out.insert(moves.value) }
        return out
    }

    /// What each request gets besides its own.
    public var headers: [FilledHeader] {
        switch self {
        case .oauth2(let oauth): [FilledHeader(oauth.tokenHeader.name, .joined([.text(oauth.tokenHeader.prefix), .accessToken]))]
        case .clientCredentials(let client): [FilledHeader(client.tokenHeader.name, .joined([.text(client.tokenHeader.prefix), .accessToken]))]
        case .keys(let keys): keys.headers
        case .session(let session): session.headers
        }
    }
}

/// One of the things that make up a platform's credential, as a person gives it.
public struct CredentialPart: Sendable, Equatable {
    public enum Form: String, Sendable {
        case text
        /// A private key as PEM text.
        case privateKey = "private_key"
    }

    /// `consumer_key`; never one of the words of a token set, but for those that mean just that.
    public var name: String
    /// What it is and where the platform shows it, in a few words.
    public var meaning: String
    public var form: Form
    /// Names of users and companies are none; they are sealed all the same.
    public var isSecret: Bool
    public var isRequired: Bool
    /// One for all connections of an installation: whoever runs it is known to the platform by it. Given with a connection, it counts there alone.
    public var isOperators: Bool

    public init(
        _ name: String, _ meaning: String, form: Form = .text, isSecret: Bool = true, isRequired: Bool = true, isOperators: Bool = false
    ) {
        self.name = name
        self.meaning = meaning
        self.form = form
        self.isSecret = isSecret
        self.isRequired = isRequired
        self.isOperators = isOperators
    }
}

extension Authentication {
    public struct OAuth2: Sendable {
        public enum ClientProof: String, Sendable {
            case basic, body
            /// The secret alone in the body.
            case secret
        }
        public enum Writing: String, Sendable { case form, json }
        public var authorizeURL: String
        public var tokenURL: String
        /// Path of the token endpoint below a connection's own base URL (a twin, a vendor sandbox).
        public var tokenPath: String
        public var clientProof: ClientProof
        public var scopes: [String]
        /// What a lost refresh answer costs: how long the previous refresh token still works.
        public var refreshGrace: Duration
        /// Header that carries the token, with its prefix: `("Authorization", "Bearer ")`.
        public var tokenHeader: (name: String, prefix: String)
        /// How requests for a token are written.
        public var writing: Writing
        /// Codes at `errors[0].code` that end a grant, for platforms that do not speak OAuth's own words.
        public var refusals: Set<String>
        /// How a person consents in a browser; `nil` where token sets are only typed in.
        public var consent: Consent?

        public init(
            authorizeURL: String, tokenURL: String, tokenPath: String, clientProof: ClientProof, scopes: [String], refreshGrace: Duration,
            tokenHeader: (name: String, prefix: String) = ("Authorization", "Bearer "), writing: Writing = .form, refusals: Set<String> = [],
            consent: Consent? = nil
        ) {
            self.authorizeURL = authorizeURL
            self.tokenURL = tokenURL
            self.tokenPath = tokenPath
            self.clientProof = clientProof
            self.scopes = scopes
            self.refreshGrace = refreshGrace
            self.tokenHeader = tokenHeader
            self.writing = writing
            self.refusals = refusals
            self.consent = consent
        }
    }

    /// - Source: RFC 6749, section 4.4; with an assertion RFC 7521, section 4.2, and RFC 7523, section 2.2.
    public struct ClientCredentials: Sendable {
        public enum Proof: Sendable {
            /// `client_id` and `client_secret` by HTTP Basic.
            case basic
            /// Both in the body.
            case body
            /// A JWT signed with `private_key`, whose certificate or key the platform knows as `certificate_id`.
            case assertion(Assertion)
        }

        /// The claims of the JWT besides `iss`, `aud`, `iat`, `exp` and `jti`.
        public struct Assertion: Sendable {
            /// From `iat` to `exp`.
            public var life: Duration
            /// The scopes stand in the claim `scope`, as a list; otherwise in the form, with spaces.
            public var claimsScopes: Bool
            /// `sub` is the client too.
            public var claimsSubject: Bool

            public init(life: Duration = .seconds(300), claimsScopes: Bool, claimsSubject: Bool) {
                self.life = life
                self.claimsScopes = claimsScopes
                self.claimsSubject = claimsSubject
            }
        }

        public var tokenURL: String
        /// Path of the token endpoint below a connection's own base URL.
        public var tokenPath: String
        public var proof: Proof
        public var scopes: [String]
        public var tokenHeader: (name: String, prefix: String)

        public init(
            tokenURL: String, tokenPath: String, proof: Proof, scopes: [String], tokenHeader: (name: String, prefix: String) = ("Authorization", "Bearer ")
        ) {
            self.tokenURL = tokenURL
            self.tokenPath = tokenPath
            self.proof = proof
            self.scopes = scopes
            self.tokenHeader = tokenHeader
        }

        public var parts: [CredentialPart] {
            let client = CredentialPart("client_id", "the client id of the app or integration", isSecret: false)
            guard case .assertion = proof else { return [client, CredentialPart("client_secret", "its secret")] }
            return [
                client, CredentialPart("certificate_id", "the id that the platform gave the certificate or public key", isSecret: false),
                CredentialPart("private_key", "the private key to it, PEM, not encrypted", form: .privateKey),
            ]
        }
    }

    public struct Keys: Sendable {
        public var parts: [CredentialPart]
        /// Of every request. What stands in a body is the call's own `FilledBody`.
        public var headers: [FilledHeader]

        public init(parts: [CredentialPart], headers: [FilledHeader]) {
            self.parts = parts
            self.headers = headers
        }
    }

    /// Kept sealed as an access token is, so that a worker that comes later goes on with it instead of logging in again.
    public struct Session: Sendable {
        public var parts: [CredentialPart]
        /// The call that logs in, in parts of the credential. Its answer is read by `gives`; `judge` is asked only about one that lacks them,
        /// and `reauthorize` alone means that the credential is dead.
        public var login: @Sendable (ConnectionFacts) -> Call
        /// What the login gives; requests name it as a part.
        public var gives: [SessionValue]
        /// How long it lasts, where it is known; otherwise until it is refused.
        public var ends: SessionEnd?
        /// Of every request but the login.
        public var headers: [FilledHeader]
        /// Where the login's answer may send us: the name of the value that holds an address, and the domains that are trusted with it.
        public var moves: (value: String, domains: [String])?

        public init(
            parts: [CredentialPart], gives: [SessionValue], ends: SessionEnd? = nil, headers: [FilledHeader] = [],
            moves: (value: String, domains: [String])? = nil, login: @escaping @Sendable (ConnectionFacts) -> Call
        ) {
            self.parts = parts
            self.login = login
            self.gives = gives
            self.ends = ends
            self.headers = headers
            self.moves = moves
        }
    }
}

/// Something that a login's answer gives.
public struct SessionValue: Sendable, Equatable {
    public var name: String
    public var place: AnswerPlace
    public var isRequired: Bool

    public init(_ name: String, _ place: AnswerPlace, isRequired: Bool = true) {
        self.name = name
        self.place = place
        self.isRequired = isRequired
    }
}

/// Until when a session lasts.
public enum SessionEnd: Sendable, Equatable {
    /// This long after the answer.
    case after(Duration)
    /// The answer says it, as a time (RFC 3339).
    case at(AnswerPlace)
    /// The answer says how long, in units of this length.
    case lasts(AnswerPlace, unit: Duration)
}

/// The address of a platform for one account. `{account}` stands for the account itself, `{account_host}` for its name in a host: lower-case,
/// with hyphens for underscores.
public enum Address {
    public static func of(_ template: String, account: String) -> String {
        template.replacing("{account}", with: account).replacing("{account_host}", with: account.lowercased().replacing("_", with: "-"))
    }
}
