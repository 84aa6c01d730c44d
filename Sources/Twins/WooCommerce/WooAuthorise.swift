internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// The page on which a merchant lets an application in. The twin's merchant says yes at once, or no where the address has `deny=1`.
/// - Source: docs "Authentication over HTTPS", `/wc-auth/v1/authorize`: keys are posted to `callback_url`, the browser goes to `return_url`.
extension WooState {
    mutating func authorise(_ request: HTTPRequest, _ path: [String], _ m: WooMoment) -> HTTPResponse {
        guard request.method == .get, path == ["v1", "authorize"] else { return .text(404, "Page not found") }
        let args = WooArgs(query: request.query)
        var given: [String: String] = [:]
        for name in ["app_name", "scope", "user_id", "return_url", "callback_url"] {
            guard let value = args.query[name]?.last, !value.isEmpty else { return .text(401, "Error: Missing parameter \(name)") }
            given[name] = value
        }
        let callback = given["callback_url"] ?? ""
        let back = given["return_url"] ?? ""
        guard NetworkWebhookSender.host(of: callback) != nil, NetworkWebhookSender.host(of: back) != nil else {
            return .text(401, "Error: The callback_url and the return_url must be valid URLs")
        }
        guard let right = WooRight(rawValue: given["scope"] ?? "") else { return .text(401, "Error: Invalid scope \(given["scope"] ?? "")") }
        let user = given["user_id"] ?? ""
        let isDenied = args.query["deny"]?.last == "1"
        if !isDenied {
            let (key, secret) = ("ck_" + m.random.bytes(20).hexText, "cs_" + m.random.bytes(20).hexText)
            let id = next("key", m)
            insert(
                .key, key,
                .object([("secret", .string(secret)), ("permissions", .string(right.rawValue)), ("key_id", .whole(id)), ("user", 1)]), m)
            let keys: JSON = .object([
                ("key_id", .whole(id)), ("user_id", .string(user)), ("consumer_key", .string(key)), ("consumer_secret", .string(secret)),
                ("key_permissions", .string(right.rawValue)),
            ])
            queue([("topic", "keys"), ("url", .string(callback)), ("keys", keys)], m)
        }
        let query = Form.encode([("success", isDenied ? "0" : "1"), ("user_id", user)])
        return HTTPResponse(302, fields: ["Location": back + (back.contains("?") ? "&" : "?") + query])
    }
}
