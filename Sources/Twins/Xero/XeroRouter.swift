internal import Kernel
internal import Wire

/// One call on the Accounting API.
struct XeroCall {
    let request: HTTPRequest
    let now: Timestamp
    let random: any RandomSource
    /// The path's parts after `api.xro/2.0`, decoded: `["Invoices", "<id>"]`.
    let path: [String]

    var method: HTTPMethod { request.method }
    /// Today in the organisation. The year's demo days are in winter, when London's clock is UTC.
    var today: LocalDate { XeroDate.day(of: now) }
    /// Digits of unit amounts: 2, or 4 with `unitdp=4`.
    var unitDigits: Int { query("unitdp") == "4" ? 4 : 2 }
    /// True by default: one refused element refuses the call.
    var summarizeErrors: Bool { query("summarizeErrors")?.lowercased() != "false" }
    var id: String? { path.count > 1 ? path[1] : nil }

    func query(_ name: String) -> String? {
        request.query.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    /// A comma-separated parameter, lower case; `nil` when absent.
    func list(_ name: String) -> Set<String>? {
        query(name).map { text in
            Set(text.split(separator: ",").map { $0.trimmed.trimmingQuotes.lowercased() })
        }
    }

    func newID() -> String { random.identifier(XeroObjectKind.self).description }

    var since: Timestamp? { request.fields["If-Modified-Since"].flatMap { XeroDate.moment($0) } }

    /// The elements of the body: under the envelope's name in any case, or the body itself when it is one bare object.
    func elements(_ envelope: String, kind: String) throws(XeroProblem) -> [XeroElement] {
        guard request.fields["Content-Type"]?.lowercased().contains("json") ?? false else {
            throw .badData("Data at the root level is invalid. Line 1, position 1.")
        }
        guard !request.body.isEmpty else { throw .noData(kind) }
        let body: JSON
        do {
            body = try JSON(parsing: request.body)
        } catch {
            throw .badData("Unexpected token at \(error.position ?? "byte 0").")
        }
        let root = XeroElement(json: body)
        if body.array != nil {
            return try XeroElement(json: .object([(envelope, body)])).children(envelope) ?? []
        }
        guard let members = body.object else { throw .noData(kind) }
        guard let key = members.first(where: { $0.key.lowercased() == envelope.lowercased() })?.key else {
            guard !members.isEmpty else { throw .noData(kind) }
            return [root]
        }
        let elements = try root.children(key) ?? []
        guard !elements.isEmpty else { throw .noData(kind) }
        return elements
    }
}

private extension StringProtocol {
    var trimmed: String {
        var text = Substring(self)
        while text.first == " " { text = text.dropFirst() }
        while text.last == " " { text = text.dropLast() }
        return String(text)
    }

    var trimmingQuotes: String {
        guard count >= 2, first == "\"", last == "\"" else { return String(self) }
        return String(dropFirst().dropLast())
    }
}

extension XeroState {
    mutating func respond(_ request: HTTPRequest, at now: Timestamp, random: any RandomSource) -> HTTPResponse {
        self.now = now
        let path = request.path.split(separator: "/").map { Form.unpercent($0) }
        switch path.first?.lowercased() {
        case "identity": return identity(request, path, at: now, random: random)
        case "connections":
            if let refusal = unauthorised(request, at: now, random: random) { return refusal }
            return connections(request, path)
        case "api.xro" where path.count >= 3 && path[1] == "2.0":
            if let refusal = unauthorised(request, at: now, random: random) { return refusal }
            if let refusal = forbidden(request, random: random) { return refusal }
            if let refusal = meter.admit(now) { return refusal }
            let call = XeroCall(request: request, now: now, random: random, path: Array(path.dropFirst(2)))
            var response = asAccepted(idempotent(call), call)
            meter.describe(&response)
            return response
        default: return XeroProblem.notFound.response
        }
    }

    /// Xero speaks XML to whoever does not ask for JSON. The twin's XML says no more than that.
    private func asAccepted(_ response: HTTPResponse, _ call: XeroCall) -> HTTPResponse {
        guard response.fields["Content-Type"] == "application/json", call.method != .delete,
            !(call.request.fields["Accept"] ?? "").lowercased().contains("json")
        else { return response }
        let xml =
            "<Response><Id>\(call.newID())</Id><Status>OK</Status>"
            + "<ProviderName>\(XeroSeed.provider)</ProviderName></Response>"
        return HTTPResponse(response.status, fields: ["Content-Type": "text/xml; charset=utf-8"], body: Array(xml.utf8))
    }

    /// Answers a repeated key from memory; remembers the answers of new ones, refusals too.
    private mutating func idempotent(_ call: XeroCall) -> HTTPResponse {
        answers.forget { $0.at + XeroIdempotency.life < call.now }
        guard let key = call.request.fields["Idempotency-Key"], !key.isEmpty, call.method != .get else {
            return dispatch(call)
        }
        guard key.count <= XeroIdempotency.keyCharacters else {
            return XeroProblem.error(
                10, "ValidationException",
                "Idempotency Key cannot be longer than \(XeroIdempotency.keyCharacters) characters.", elements: [])
        }
        let digest = XeroIdempotency.digest(call.request)
        if let kept = answers[key] {
            guard kept.digest == digest else {
                return XeroProblem.error(
                    10, "ValidationException", "Idempotency Key: \(key) is used with a different request.", elements: []
                )
            }
            return HTTPResponse(kept.status, fields: ["Content-Type": kept.type], body: Array(kept.body.utf8))
        }
        let response = dispatch(call)
        answers.put(
            XeroStoredAnswer(
                id: key, digest: digest, status: response.status,
                type: response.fields["Content-Type"] ?? "application/json",
                body: response.bodyText, at: call.now))
        return response
    }

    private mutating func dispatch(_ call: XeroCall) -> HTTPResponse {
        let most = call.path.count > 2 && call.path[2].lowercased() == "attachments" ? meter.attachmentBytes : meter.bodyBytes
        guard call.request.body.count <= most || call.method == .get else {
            return HTTPResponse.text(413, "Request Entity Too Large")
        }
        do throws(XeroProblem) {
            return try route(call)
        } catch {
            rollback()
            return error.response
        }
    }

    mutating func route(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        if call.path.count > 2, call.path[2].lowercased() == "attachments" { return try attachments(call) }
        return switch call.path[0].lowercased() {
        case "organisation", "organisations": try organisation(call)
        case "accounts": try accounts(call)
        case "taxrates": try taxRates(call)
        case "currencies": try currencies(call)
        case "trackingcategories": try trackingCategories(call)
        case "contacts": try contacts(call)
        case "items": try items(call)
        case "invoices": try documents(call, .invoice)
        case "creditnotes": try documents(call, .creditNote)
        case "payments": try payments(call)
        case "manualjournals": try manualJournals(call)
        case "banktransactions": try bankTransactions(call)
        case "purchaseorders": try purchaseOrders(call)
        default: throw .notFound
        }
    }

    // MARK: - Answers

    static func envelope(_ name: String, _ elements: [JSON], _ call: XeroCall, pagination: JSON? = nil) -> HTTPResponse
    {
        var out = XeroMembers()
        out.text("Id", call.newID())
        out.text("Status", "OK")
        out.text("ProviderName", XeroSeed.provider)
        out.set("DateTimeUTC", XeroDate.envelope(call.now))
        out.set("pagination", pagination)
        out.set(name, .array(elements))
        return .json(200, out.json)
    }

    /// Runs a write over all elements. With `summarizeErrors` one refusal takes everything back.
    mutating func write(
        _ call: XeroCall, _ envelope: String, kind: String,
        _ each: (inout XeroState, XeroElement) throws(XeroProblem) -> XeroOutcome
    ) throws(XeroProblem) -> HTTPResponse {
        let elements = try call.elements(envelope, kind: kind)
        if call.path.count > 1, elements.count != 1 { throw .badData("One element was expected.") }
        var answers: [JSON] = []
        var refused: [JSON] = []
        for element in elements {
            count(element, kind)
            switch try each(&self, element) {
            case .saved(let json): answers.append(json)
            case .refused(let json):
                answers.append(json)
                refused.append(json)
            }
        }
        if !refused.isEmpty, call.summarizeErrors {
            rollback()
            return XeroProblem.validation(refused)
        }
        return Self.envelope(envelope, answers, call)
    }
}
