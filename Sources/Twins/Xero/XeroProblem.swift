internal import Kernel
internal import Wire

/// Why a whole call is refused (a refused element of a batch is an `XeroOutcome` instead).
enum XeroProblem: Error {
    /// ErrorNumber 14: the body is not what the endpoint reads.
    case badData(String)
    /// ErrorNumber 17: the body holds nothing for this endpoint.
    case noData(String)
    /// ErrorNumber 16: `where` or `order` can't be read.
    case query(String)
    /// An unoptimised filter or order on an organisation of very many rows; the endpoint's name.
    case highVolume(String)
    case notFound
    case method

    var response: HTTPResponse {
        switch self {
        case .badData(let why): Self.error(14, "PostDataInvalidException", "JSON for post data was invalid,\(why)")
        case .noData(let endpoint):
            Self.error(
                17, "NoDataProcessedException",
                "No data has been processed for this endpoint. This endpoint is expecting \(endpoint) data "
                    + "to be specifed in the request body."
            )
        case .query(let why): Self.error(16, "QueryParseException", why)
        case .highVolume(let endpoint): Self.highVolume(endpoint)
        case .notFound:
            HTTPResponse(
                404, fields: ["Content-Type": "text/html; charset=utf-8"],
                body: Array("The resource you're looking for cannot be found".utf8))
        case .method: HTTPResponse(405, fields: ["Content-Type": "text/html; charset=utf-8"])
        }
    }

    /// - Source: XeroAPI/xero-python issue 148; the number is the twin's.
    private static func highVolume(_ endpoint: String) -> HTTPResponse {
        let noun = endpoint.hasSuffix("s") ? String(endpoint.dropLast()) : endpoint
        return error(
            19, "HighVolumeException",
            "Your request is not filtering \(endpoint) efficiently, given the extremely high volume for this organisation. "
                + "Please check https://developer.xero.com/documentation/api/efficient-data-retrieval for tips on making \(noun) retrieval "
                + "more efficient.")
    }

    static func error(_ number: Int, _ type: String, _ message: String, elements: [JSON]? = nil) -> HTTPResponse {
        var body = XeroMembers()
        body.set("ErrorNumber", .number(String(number)))
        body.text("Type", type)
        body.text("Message", message)
        body.set("Elements", elements.map { JSON.array($0) })
        return .json(400, body.json)
    }

    /// The 400 that carries refused elements.
    /// - Source: developer.xero.com, "HTTP response codes and errors".
    static func validation(_ elements: [JSON]) -> HTTPResponse {
        error(10, "ValidationException", "A validation exception occurred", elements: elements)
    }
}

/// What became of one element of a write.
enum XeroOutcome {
    case saved(JSON)
    case refused(JSON)

    /// The sent element back, with its errors, as Xero echoes it: dates rewritten, the id it would have touched.
    static func refusal(_ sent: JSON, idName: String, id: String?, problems: [String], payment: Bool = false)
        -> XeroOutcome
    {
        let dates: Set<String> = ["Date", "DueDate", "ExpectedPaymentDate", "PlannedPaymentDate"]
        var out = XeroMembers()
        out.text(idName, id ?? XeroSeed.zeroID)
        let own: Set<String> = [
            idName, "HasErrors", "HasValidationErrors", "StatusAttributeString", "ValidationErrors",
        ]
        for (key, value) in sent.object ?? [] where !own.contains(key) {
            if dates.contains(key), let text = value.string {
                out.date(key, XeroDate.parse(text))
            } else {
                out.set(key, value)
            }
        }
        out.flag(payment ? "HasValidationErrors" : "HasErrors", true)
        out.text("StatusAttributeString", "ERROR")
        out.set("ValidationErrors", .array(problems.map { JSON.object([("Message", .string($0))]) }))
        return .refused(out.json)
    }
}

/// Typed reading of one sent object; a member of the wrong type refuses the whole call, as Xero's deserialiser does.
struct XeroElement {
    let json: JSON

    func has(_ key: String) -> Bool { json[key].map { !$0.isNull } ?? false }

    func text(_ key: String) throws(XeroProblem) -> String? {
        guard let value = json[key], !value.isNull else { return nil }
        switch value {
        case .string(let text): return text
        case .number(let digits): return digits
        default: throw .badData("Error converting value of '\(key)' to type 'System.String'.")
        }
    }

    /// Text that is empty counts as absent.
    func filled(_ key: String) throws(XeroProblem) -> String? {
        guard let text = try text(key), !text.isEmpty else { return nil }
        return text
    }

    func decimal(_ key: String) throws(XeroProblem) -> ExactDecimal? {
        guard let value = json[key], !value.isNull else { return nil }
        if let text = value.string, text.isEmpty { return nil }
        guard let number = value.decimal else { throw .badData("Could not convert '\(key)' to decimal.") }
        return number
    }

    func flag(_ key: String) throws(XeroProblem) -> Bool? {
        guard let value = json[key], !value.isNull else { return nil }
        if let flag = value.bool { return flag }
        switch value.string?.lowercased() {
        case "true": return true
        case "false": return false
        default: throw .badData("Could not convert '\(key)' to boolean.")
        }
    }

    func date(_ key: String) throws(XeroProblem) -> LocalDate? {
        guard let text = try filled(key) else { return nil }
        guard let date = XeroDate.parse(text) else { throw .badData("Could not convert string to DateTime: \(key)") }
        return date
    }

    /// A GUID in lower case.
    func id(_ key: String) throws(XeroProblem) -> String? {
        guard let text = try filled(key) else { return nil }
        guard let id = XeroID(text) else { throw .badData("Error converting value of '\(key)' to type 'System.Guid'.") }
        return id.description == XeroSeed.zeroID ? nil : id.description
    }

    func child(_ key: String) throws(XeroProblem) -> XeroElement? {
        guard let value = json[key], !value.isNull else { return nil }
        guard value.object != nil else { throw .badData("Cannot deserialize '\(key)': an object was expected.") }
        return XeroElement(json: value)
    }

    /// `nil` when absent; an array that holds something else than objects refuses the call.
    func children(_ key: String) throws(XeroProblem) -> [XeroElement]? {
        guard let value = json[key], !value.isNull else { return nil }
        guard let list = value.array, list.allSatisfy({ $0.object != nil }) else {
            throw .badData("Cannot deserialize '\(key)': an array of objects was expected.")
        }
        return list.map { XeroElement(json: $0) }
    }
}

enum XeroObjectKind {}
typealias XeroID = Identifier<XeroObjectKind>
