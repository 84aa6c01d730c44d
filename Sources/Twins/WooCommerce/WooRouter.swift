internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// A request that has been let in.
struct WooCall: Sendable {
    var method: HTTPMethod
    /// The parts after `wc/v3`.
    var path: [String]
    var args: WooArgs
    var moment: WooMoment

    var settings: String { path.count > 1 ? path[1] : "" }
    var isList: Bool { path.count == 1 }
    var isRead: Bool { method == .get || method == .head }
    /// Updates are sent by any of three methods.
    var isEdit: Bool { [.post, .put, .patch].contains(method) }
    /// The number in the path, where only digits match the vendor's route.
    func number(_ place: Int) throws(WooProblem) -> Int {
        guard path.count > place, let number = Int(path[place]), path[place].utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { throw .noRoute }
        return number
    }
}

extension WooState {
    mutating func respond(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        told = []
        let parts = request.path.split(separator: "/").map { Form.unpercent($0) }
        guard let shop = parts.first, shops[shop] != nil else {
            return Self.page(404, "There is no shop here. Shops: \(shops.keys.sorted().joined(separator: ", ")).")
        }
        let home = "http://" + (request.fields["Host"] ?? "127.0.0.1") + Self.prefix + "/" + shop
        homes[shop] = home
        var moment = WooMoment(shop: shop, at: now, random: random, home: home)
        if parts.dropFirst().first == "wc-auth" { return authorise(request, Array(parts.dropFirst(2)), moment) }
        guard let route = Self.route(request, Array(parts.dropFirst())) else { return Self.page(404, "Page not found") }
        var answer: WooAnswer
        do throws(WooProblem) {
            answer = try admitted(request, route, &moment)
        } catch {
            rows.rollback()
            answer = error.answer
        }
        return Self.response(answer, request, moment)
    }

    /// The path below the REST root: `/wp-json/…`, or `?rest_route=/…` where links are plain.
    private static func route(_ request: HTTPRequest, _ parts: [String]) -> [String]? {
        if parts.first == "wp-json" { return Array(parts.dropFirst()) }
        guard parts.isEmpty || parts == ["index.php"], let plain = request.query("rest_route") else { return nil }
        return plain.split(separator: "/").map(String.init)
    }

    /// A page that no program reads.
    static func page(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(
            status, fields: ["Content-Type": "text/html; charset=UTF-8"],
            body: Array("<!DOCTYPE html><html><head><title>\(text)</title></head><body><h1>\(text)</h1></body></html>".utf8))
    }

    private static func response(_ answer: WooAnswer, _ request: HTTPRequest, _ m: WooMoment) -> HTTPResponse {
        var body = answer.body
        if let asked = request.query("_fields"), answer.status < 300 {
            let names = Set(asked.split { $0 == "," || $0 == " " }.map { String($0.prefix { $0 != "." }) })
            body = body.array.map { .array($0.map { $0.only(names) }) } ?? body.only(names)
        }
        var response = HTTPResponse(answer.status, body: request.method == .head ? [] : body.bytes)
        response.fields["Content-Type"] = "application/json; charset=UTF-8"
        response.fields["X-Robots-Tag"] = "noindex"
        response.fields["X-Content-Type-Options"] = "nosniff"
        response.fields["Access-Control-Expose-Headers"] = "X-WP-Total, X-WP-TotalPages, Link"
        response.fields["Link"] = "<\(m.home)/wp-json/>; rel=\"https://api.w.org/\""
        for (name, value) in answer.fields { response.fields[name] = value }
        if answer.status == 401, request.fields["Authorization"]?.hasPrefix("Basic ") == true {
            response.fields["WWW-Authenticate"] =
                "Basic realm=\"WooCommerce API. Use a consumer key in the username field and a consumer secret in the password field.\""
        }
        return response
    }

    private mutating func admitted(_ request: HTTPRequest, _ route: [String], _ m: inout WooMoment) throws(WooProblem) -> WooAnswer {
        var args = WooArgs(query: request.query)
        if route.isEmpty { return WooAnswer(body: index(m)) }
        guard route.count >= 2, route[0] == "wc", route[1] == "v3" else { throw .noRoute }
        if route.count == 2 { return WooAnswer(body: namespace(m)) }
        let access = try authenticate(request, m.shop, args, at: m.at)
        var method = request.method
        if method == .post, let other = args.query["_method"]?.last ?? request.fields["X-HTTP-Method-Override"] {
            method = HTTPMethod(rawValue: other.uppercased()) ?? method
        }
        args.body = try Self.body(request)
        let isList = Int(route[route.count - 1]) == nil
        guard let access else { throw .stranger(method, isList: isList) }
        try Self.permit(access, method)
        m.user = access.user
        return try run(WooCall(method: method, path: Array(route.dropFirst(2)), args: args, moment: m))
    }

    /// JSON, or a form.
    private static func body(_ request: HTTPRequest) throws(WooProblem) -> JSON {
        guard !request.body.isEmpty else { return .object([]) }
        if request.fields["Content-Type"]?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true {
            let args = WooArgs(query: Form.decode(String(decoding: request.body, as: UTF8.self)))
            return .object(args.query.sorted { $0.key < $1.key }.map { (key: $0.key, value: args[$0.key] ?? JSON.null) })
        }
        do throws(Fault) {
            let json = try JSON(parsing: request.body)
            return json.object == nil ? .object([]) : json
        } catch {
            throw WooProblem(
                400, "rest_invalid_json", "Invalid JSON body passed.", more: [("json_error_code", 4), ("json_error_message", "Syntax error")])
        }
    }

    /// Runs a call; what it changed is taken back when it is refused.
    mutating func run(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let mark = rows.mark
        do throws(WooProblem) {
            if call.path.count == 2, call.path[1] == "batch", call.isEdit { return try batch(call) }
            return try dispatch(call)
        } catch {
            rows.rollback(to: mark)
            throw error
        }
    }

    private mutating func dispatch(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        switch call.path[0] {
        case "orders":
            switch call.path.count > 2 ? call.path[2] : "" {
            case "refunds": try refunds(call)
            case "notes": try notes(call)
            case "": try orders(call)
            default: throw .noRoute
            }
        case "refunds": try allRefunds(call)
        case "products": try products(call)
        case "customers": try customers(call)
        case "coupons": try coupons(call)
        case "taxes": try taxes(call)
        case "webhooks": try webhooks(call)
        case "settings": try settings(call)
        case "system_status": try systemStatus(call)
        case "payment_gateways": try gateways(call)
        case "shipping": try shipping(call)
        case "data": try currencies(call)
        default: throw .noRoute
        }
    }

    // MARK: Batches

    /// - Source: woocommerce `WC_REST_Controller::batch_items`: a hundred at most, each for itself, deletions for good.
    private mutating func batch(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        guard ["orders", "products", "customers", "coupons", "taxes", "webhooks"].contains(call.path[0]) else { throw .noRoute }
        let create = try call.args.objects("create") ?? []
        let update = try call.args.objects("update") ?? []
        let delete = call.args.given("delete")?.array ?? []
        guard create.count + update.count + delete.count <= 100 else {
            throw WooProblem(413, "woocommerce_rest_request_entity_too_large", "Unable to accept more than 100 items for this request.")
        }
        var out: [(key: String, value: JSON)] = []
        let query = call.args.pairs.filter { $0.name == "dp" }
        func one(_ method: HTTPMethod, _ id: JSON?, _ body: JSON, _ state: inout WooState) -> JSON {
            var inner = call
            inner.method = method
            inner.path = [call.path[0]] + (id?.scalar.map { [$0] } ?? [])
            inner.args = WooArgs(body: body, query: method == .delete ? query + [("force", "true")] : query)
            do throws(WooProblem) {
                return try state.run(inner).body
            } catch {
                return .object([("id", id?.int.map { .whole($0) } ?? 0), ("error", error.body)])
            }
        }
        if !create.isEmpty { out.append(("create", .array(create.map { one(.post, nil, $0, &self) }))) }
        if !update.isEmpty { out.append(("update", .array(update.map { one(.put, $0["id"] ?? 0, $0, &self) }))) }
        if !delete.isEmpty { out.append(("delete", .array(delete.map { one(.delete, $0, .object([]), &self) }))) }
        return WooAnswer(body: .object(out))
    }
}

extension JSON {
    fileprivate func only(_ names: Set<String>) -> JSON { object.map { .object($0.filter { names.contains($0.key) }) } ?? self }
}
