internal import Crypto
public import Wire

/// The page at a platform on which somebody lets an app in: here nobody signs in first. Plain HTML; the form comes back to the address it was shown at,
/// whose query says what was asked.
public struct TwinConsent: Sendable {
    /// What was decided.
    public enum Decision: Sendable, Equatable {
        /// With the ids of what was chosen, where there was something to choose from.
        case allowed([String])
        case denied
    }

    public var platform: String
    public var app: String
    /// What the app asks for, as the platform words it.
    public var scopes: [String]
    /// What is chosen from: companies, organisations, shops. Its first is chosen unless somebody chooses.
    public var choices: [(id: String, name: String)]
    /// What one of them is called.
    public var what: String
    /// Several may be chosen.
    public var takesSeveral: Bool
    /// The words on the button that agrees.
    public var agree: String

    public init(
        platform: String, app: String = "Counterfoil", scopes: [String], choices: [(id: String, name: String)] = [], what: String = "Company",
        takesSeveral: Bool = false, agree: String = "Connect"
    ) {
        self.platform = platform
        self.app = app
        self.scopes = scopes
        self.choices = choices
        self.what = what
        self.takesSeveral = takesSeveral
        self.agree = agree
    }

    /// The page, and after its form the browser's way back: with what `allow` gives for the ids that were chosen, or with `access_denied`.
    /// - Parameter back: where the app wants the browser, with the pairs that it gets back in any case.
    public func respond(
        _ request: HTTPRequest, back: String, kept: [(name: String, value: String)], allow: ([String]) -> [(name: String, value: String)]
    ) -> HTTPResponse {
        guard request.method == .post else { return page }
        guard let decision = decision(request) else { return .text(400, "The form says neither yes nor no.") }
        let pairs: [(name: String, value: String)] =
            switch decision {
            case .allowed(let ids): allow(ids)
            case .denied: [("error", "access_denied"), ("error_description", "The user declined.")]
            }
        return HTTPResponse(302, fields: ["Location": back + (back.contains("?") ? "&" : "?") + Form.encode(pairs + kept)])
    }

    /// `nil` for a form that says neither, or that names what there is not to choose.
    public func decision(_ request: HTTPRequest) -> Decision? {
        let form = Form.decode(String(decoding: request.body, as: UTF8.self))
        switch form.first(where: { $0.name == "decision" })?.value {
        case "deny": return .denied
        case "allow":
            var ids = form.filter { $0.name == "choice" }.map(\.value)
            if ids.isEmpty, let first = choices.first { ids = [first.id] }
            guard takesSeveral || ids.count <= 1, ids.allSatisfy({ id in choices.contains { $0.id == id } }) else { return nil }
            return .allowed(ids)
        default: return nil
        }
    }

    /// The question.
    public var page: HTTPResponse {
        var out = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>\(Self.escaped(platform))</title>"
        out += "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><style>:root{color-scheme:light dark}"
        out += "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:0 auto;padding:1.5rem}label{display:block;padding:.3rem 0}"
        out += "button{font:inherit;padding:.5rem 1.2rem;margin:.6rem .6rem 0 0}</style></head><body><main><p>\(Self.escaped(platform)) (sandbox)</p>"
        out += "<h1>\(Self.escaped(app)) asks for access</h1><ul>"
        for scope in scopes { out += "<li>\(Self.escaped(scope))</li>" }
        out += "</ul><form method=\"post\">"
        if !choices.isEmpty {
            out += "<fieldset><legend>\(Self.escaped(what))</legend>"
            for (index, choice) in choices.enumerated() {
                let kind = takesSeveral ? "checkbox" : "radio", checked = index == 0 ? " checked" : ""
                out += "<label><input type=\"\(kind)\" name=\"choice\" value=\"\(Self.escaped(choice.id))\"\(checked)> \(Self.escaped(choice.name))</label>"
            }
            out += "</fieldset>"
        }
        out += "<button name=\"decision\" value=\"allow\" id=\"allow\">\(Self.escaped(agree))</button>"
        out += "<button name=\"decision\" value=\"deny\" id=\"deny\" formnovalidate>Deny</button></form></main></body></html>"
        return HTTPResponse(200, fields: ["Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"], body: Array(out.utf8))
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }

    /// Whether a verifier is the one that the challenge was made of.
    /// - Source: RFC 7636, section 4.6, method S256.
    public static func proves(_ verifier: String?, _ challenge: String) -> Bool {
        guard let verifier, (43 ... 128).contains(verifier.utf8.count) else { return false }
        return constantTimeEquals(Array(Base64.encodeURL(Digest.sha256(Array(verifier.utf8))).utf8), Array(challenge.utf8))
    }
}
