internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Store
internal import Wire

/// What a platform sent the browser back with. Pure: what it means is decided from what was asked, and nothing in it is believed before.
/// - Source: RFC 6749, sections 4.1.2 and 10.12; RFC 9207; RFC 9700, sections 2.1 and 4.4 (mix-up).
struct ConsentAnswer: Sendable {
    /// What the callback's address says, and the secret of the browser that came with it.
    var pairs: [(name: String, value: String)]
    /// SHA-256 of the browser's cookie; `nil` without one.
    var browser: [UInt8]?
    /// The platform in the callback's path.
    var platform: String

    enum Verdict: Sendable {
        /// The account is what the callback says of it, where that is where it is said.
        case good(code: String, account: String?)
        /// `settles`: nothing can come of this consent any more.
        case refused(Fault, settles: Bool)
    }

    static let codeBytesMost = 4 << 10

    /// A value that stands there once: of two nobody knows which was meant.
    func only(_ name: String) -> String? {
        let found = pairs.filter { $0.name == name }
        return found.count == 1 && !found[0].value.isEmpty ? found[0].value : nil
    }

    /// - Parameter app: the operator's app, whose secret signs for platforms that sign.
    func judged(_ asked: ConsentView, _ spec: PlatformSpec, app: ConsentApp, at now: Timestamp) -> Verdict {
        guard let oauth = spec.oauth, let consent = oauth.consent else { return .refused(ConsentFault.elsewhere, settles: true) }
        // Somebody else's browser first: it is told nothing of what this is about.
        guard let browser, let own = asked.browserDigest, constantTimeEquals(browser, own) else {
            // An address that was used already, from somebody's history, ends nothing that goes on.
            return .refused(ConsentFault.foreignBrowser, settles: asked.state == "asked")
        }
        guard asked.state == "asked" else {
            return .refused(asked.state == "expired" ? ConsentFault.expired : ConsentFault.replayed, settles: false)
        }
        guard asked.platform == platform else { return .refused(ConsentFault.elsewhere, settles: true) }
        guard asked.expiresAt > now, asked.tenantState != "removed" else { return .refused(ConsentFault.expired, settles: true) }
        if pairs.contains(where: { $0.name == "iss" }) {
            guard let issuer = only("iss"), issuers(oauth, consent, asked, spec).contains(issuer) else { return .refused(ConsentFault.issuer(spec.name), settles: true) }
        }
        if pairs.contains(where: { $0.name == "error" }) { return .refused(ConsentFault.error(only("error"), spec.name), settles: true) }
        if let signature = consent.signature, !isSigned(signature, app.secret) { return .refused(ConsentFault.signature(spec.name), settles: true) }
        guard let code = only("code"), code.utf8.count <= ConsentAnswer.codeBytesMost, code.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
            return .refused(ConsentFault.incomplete(spec.name), settles: true)
        }
        return account(asked, consent, code, spec)
    }

    /// Where a platform does not say who it is, its own places.
    private func issuers(_ oauth: Authentication.OAuth2, _ consent: Authentication.OAuth2.Consent, _ asked: ConsentView, _ spec: PlatformSpec) -> Set<String> {
        let page = spec.authority(oauth.authorizeURL, path: consent.path, base: asked.baseURL, account: asked.account)
        let token = spec.authority(oauth.tokenURL, path: oauth.tokenPath, base: asked.baseURL, account: asked.account)
        if let base = asked.baseURL, page == base + consent.path { return Set([consent.issuer, base, ConsentAnswer.origin(of: base)].compactMap { $0 }) }
        if let issuer = consent.issuer { return [issuer] }
        return Set([page, token].compactMap { ConsentAnswer.origin(of: $0) })
    }

    static func origin(of url: String) -> String? {
        guard let end = url.firstRange(of: "://")?.upperBound else { return nil }
        return String(url[..<end] + url[end...].prefix { $0 != "/" && $0 != "?" && $0 != "#" })
    }

    private func isSigned(_ signature: Authentication.OAuth2.Consent.Signature, _ secret: Secret) -> Bool {
        guard case .sortedPairs(let name) = signature, let given = only(name) else { return false }
        let text = pairs.filter { $0.name != name }.sorted { ($0.name, $0.value) < ($1.name, $1.value) }.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        return constantTimeEquals(Array(given.utf8), Array(HMAC.sha256(key: secret.reveal(), Array(text.utf8)).hexText.utf8))
    }

    private func account(_ asked: ConsentView, _ consent: Authentication.OAuth2.Consent, _ code: String, _ spec: PlatformSpec) -> Verdict {
        guard case .callback(let name, let ending) = consent.account else { return .good(code: code, account: nil) }
        func bare(_ text: String) -> String { text.hasSuffix(ending) ? String(text.dropLast(ending.count)) : text }
        guard let said = only(name), said.hasSuffix(ending), Words(.account, most: 128).finding(bare(said)) == nil else { return .refused(ConsentFault.incomplete(spec.name), settles: true) }
        guard asked.account.isEmpty || bare(asked.account).lowercased() == bare(said).lowercased() else {
            return .refused(.consentOtherAccount(found: bare(said), expected: bare(asked.account)), settles: true)
        }
        return .good(code: code, account: asked.account.isEmpty ? bare(said) : asked.account)
    }
}

/// The operator's app at a platform.
struct ConsentApp: Sendable {
    var id: String
    var secret: Secret

    /// `nil` where the operator has none.
    init?(_ platform: String, _ configuration: ControlPlaneConfiguration) {
        guard let parts = configuration.operatorParts[platform], let id = parts["client_id"], let secret = parts["client_secret"] else { return nil }
        (self.id, self.secret) = (id.revealText(), secret)
    }
}

/// Why a consent came to nothing, in the words of its page, of the trail and of the API.
enum ConsentFault {
    static let unknownLink = Fault(
        "consent_link_unknown", stage: .api, disposition: .reject, summary: "this link is not one of ours, or it is incomplete",
        remedy: "Open it exactly as it was sent to you, or ask whoever sent it for a new one.")
    static let usedLink = Fault(
        "consent_link_used", stage: .api, disposition: .reject, summary: "this link was used already, and works only once",
        remedy: "If it was not you who used it, tell whoever sent it at once; ask for a new link.")
    static let revoked = Fault(
        "consent_revoked", stage: .api, disposition: .reject, summary: "this link was taken back by whoever sent it", remedy: "Ask for a new one if you need it.")
    static let expired = Fault(
        "consent_expired", stage: .api, disposition: .reject, summary: "this took too long, and the link is not good any more",
        remedy: "Ask for a new link. Nothing was changed.")
    static let unknownState = Fault(
        "consent_state_wrong", stage: .api, disposition: .reject, summary: "this answer belongs to nothing that was asked from here",
        remedy: "Begin again with the link that was sent to you. Nothing was changed.")
    static let foreignBrowser = Fault(
        "consent_foreign_browser", stage: .api, disposition: .reject, summary: "this was begun in another browser, and can only be ended there",
        remedy: "Go on in the browser that opened the link, with cookies allowed, or ask for a new link. Nothing was changed.")
    static let replayed = Fault(
        "consent_replayed", stage: .api, disposition: .reject, summary: "this answer was taken already, and counts only once",
        remedy: "Nothing to do, unless you did not expect it: what became of it is shown on the page that followed.")
    static let elsewhere = Fault(
        "consent_platform_wrong", stage: .api, disposition: .reject, summary: "one platform was asked and another one answered",
        remedy: "Do not go on. Tell whoever sent you the link, and ask for a new one. Nothing was changed.")
    static let baseChanged = Fault(
        "consent_base_changed", stage: .api, disposition: .reject, summary: "the connection was led elsewhere meanwhile",
        remedy: "Have the connection's base_url looked at, and ask for a new link. Nothing was changed.")
    static let unconfirmed = Fault(
        "consent_not_confirmed", stage: .api, disposition: .reject, summary: "the account that was found was said not to be the right one",
        remedy: "Ask for a new link and choose the right one. Nothing of the account was kept.")

    static func issuer(_ platform: String) -> Fault {
        Fault(
            "consent_issuer_wrong", stage: .api, disposition: .reject, summary: "the answer does not come from \(platform)",
            remedy: "Do not go on. Tell whoever sent you the link, and ask for a new one. Nothing was changed.")
    }

    static func signature(_ platform: String) -> Fault {
        Fault(
            "consent_signature_wrong", stage: .api, disposition: .reject, summary: "the answer is not signed as \(platform) signs",
            remedy: "Ask for a new link. If it happens again, have the operator check the app's secret.")
    }

    static func incomplete(_ platform: String) -> Fault {
        Fault(
            "consent_answer_incomplete", stage: .api, disposition: .reject, summary: "\(platform)'s answer lacks its code or the account",
            remedy: "Ask for a new link and try again.")
    }

    /// In OAuth's own words, where they are such.
    static func error(_ word: String?, _ platform: String) -> Fault {
        guard word != "access_denied" else {
            return Fault(
                "consent_declined", stage: .api, disposition: .reject, summary: "the access was declined at \(platform)",
                remedy: "Ask for a new link if that was a mistake. Nothing was changed.")
        }
        let known = word.flatMap { $0.utf8.count <= 64 && $0.utf8.allSatisfy { $0 == 95 || ($0 >= 97 && $0 <= 122) } ? $0 : nil }
        return Fault(
            "consent_refused", stage: .api, disposition: .reject, summary: "\(platform) did not let the access be given",
            remedy: "Try again later with a new link. If it happens again, have the operator check the app at \(platform).", underlying: known)
    }
}
