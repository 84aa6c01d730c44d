internal import Kernel
internal import Wire

/// One refusal as QuickBooks Online writes it.
/// - Source: QuickBooks Online docs, "Error codes" (codes and messages); details as seen in public bug reports.
struct QBOError: Error, Sendable {
    var code: String
    var message: String
    var detail: String
    var element: String = ""
    var type: String = "ValidationFault"
    var status: Int = 400

    /// The `Fault` object, as it also stands inside a batch answer.
    var fault: JSON {
        [
            "Error": [
                [
                    "Message": .string(message), "Detail": .string(detail), "code": .string(code),
                    "element": .string(element),
                ]
            ],
            "type": .string(type),
        ]
    }
}

extension QBOError {
    static func unsupported(_ what: String) -> QBOError {
        QBOError(code: "500", message: "Unsupported Operation", detail: "Operation \(what) is not supported.")
    }

    /// - Source: intuit/QuickBooks-V3-DotNET-SDK issue 353.
    static func notFound(_ element: String = "") -> QBOError {
        QBOError(
            code: "610", message: "Object Not Found",
            detail: "Object Not Found : Something you're trying to use has been made inactive. "
                + "Check the fields with accounts, customers, items, vendors or employees.", element: element)
    }

    static func cannotLink(_ id: String) -> QBOError {
        QBOError(
            code: "620", message: "Transaction cannot be linked", detail: "Transaction cannot be linked : Txn id \(id)",
            element: "LinkedTxn")
    }

    static func tooManyItems(_ limit: Int) -> QBOError {
        QBOError(
            code: "1040", message: "Batch size exceeds allowed limit",
            detail: "Batch size exceeds the allowed limit of \(limit) BatchItemRequest elements")
    }

    /// - Source: intuit/QuickBooks-V3-DotNET-SDK issue 376.
    static let notJSON = QBOError(
        code: "2010", message: "Request has invalid or unsupported property",
        detail: "Property Name:failed to parse json object; a property specified is unsupported or invalid")

    /// - Source: routablehq/python-quickbooks issue 299.
    static func unknownProperty(_ name: String, of type: String) -> QBOError {
        QBOError(
            code: "2010", message: "Request has invalid or unsupported property",
            detail: "Property Name:Unrecognized field \"\(name)\" (class com.intuit.schema.finance.v3.\(type)), "
                + "not marked as ignorable specified is unsupported or invalid", element: name)
    }

    static func missing(_ name: String) -> QBOError {
        QBOError(
            code: "2020", message: "Required param missing, need to supply the required value for the API",
            detail: "Required parameter \(name) is missing in the request", element: name)
    }

    static func invalidID(_ value: String, _ element: String = "Id") -> QBOError {
        QBOError(
            code: "2030", message: "Invalid ID", detail: "Id should be a valid number. Supplied value:\(value)",
            element: element)
    }

    static func invalidCharacters(_ element: String) -> QBOError {
        QBOError(
            code: "2040", message: "Invalid String",
            detail: "Element contains invalid characters: \(element)", element: element)
    }

    static func tooLong(_ element: String, most: Int, supplied: Int) -> QBOError {
        QBOError(
            code: "2050", message: "String length is either shorter or longer than supported by specification",
            detail: "String length specified does not match the supported length. Min:0 Max:\(most) supported. "
                + "Supplied length:\(supplied)", element: element)
    }

    static func invalidDate(_ element: String) -> QBOError {
        QBOError(
            code: "2070", message: "Invalid Date", detail: "Date value should be a valid value, yyyy-MM-dd",
            element: element)
    }

    static func invalidNumber(_ element: String) -> QBOError {
        QBOError(code: "2090", message: "Invalid Number", detail: "Invalid Number : \(element)", element: element)
    }

    static func invalidAmount(_ element: String) -> QBOError {
        QBOError(
            code: "2140", message: "Invalid Amount",
            detail: "Amount must be a number with at most two decimals : \(element)", element: element)
    }

    static func invalidChoice(_ element: String) -> QBOError {
        QBOError(
            code: "2170", message: "Invalid Enumeration", detail: "Invalid Enumeration : \(element)", element: element)
    }

    static func negativeAmount(_ element: String) -> QBOError {
        QBOError(
            code: "2290", message: "Negative Amount", detail: "Negative amounts are not supported on transaction lines",
            element: element)
    }

    static func unknownReference(_ kind: QBOKind, _ id: String, _ element: String) -> QBOError {
        QBOError(
            code: "2500", message: "Invalid Reference Id",
            detail: "Invalid Reference Id : \(kind.elements) element id \(id) not found", element: element)
    }

    static func parser(_ detail: String) -> QBOError {
        QBOError(code: "4000", message: "Error parsing query", detail: "QueryParserError: \(detail)")
    }

    /// - Source: ruckus/quickbooks-ruby issue 403.
    static func query(_ detail: String) -> QBOError {
        QBOError(code: "4001", message: "Invalid query", detail: "QueryValidationError: \(detail)")
    }

    static let stale = QBOError(
        code: "5010", message: "Stale Object Error",
        detail: "Stale Object Error : You and another user were working on this at the same time. "
            + "The other user finished before you did, so your work was not saved.")

    static func business(_ detail: String, _ element: String = "") -> QBOError {
        QBOError(
            code: "6000", message: "A business validation error has occurred while processing your request",
            detail: "Business Validation Error: \(detail)", element: element)
    }

    static func wrongProduct(_ amount: String) -> QBOError {
        QBOError(
            code: "6070", message: "Amount calculation incorrect in the request.",
            detail: "Amount is not equal to UnitPrice * Qty. Supplied value:\(amount)", element: "Line.Amount")
    }

    static func duplicateNumber(_ number: String, _ kind: QBOKind, _ id: String) -> QBOError {
        QBOError(
            code: "6140", message: "Duplicate Document Number Error",
            detail: "Duplicate Document Number Error : You must specify a different number. "
                + "This number has already been used. "
                + "DocNumber=\(number) is assigned to TxnType=\(kind.spoken) with TxnId=\(id)")
    }

    static let closedBooks = QBOError(
        code: "6200", message: "Account Period Closed, Cannot Update Through Services API",
        detail: "The account period has closed and the account books cannot be updated through the QBO Services API. "
            + "Please use the QBO website to make these changes.")

    static func duplicateName(_ id: String) -> QBOError {
        QBOError(
            code: "6240", message: "Duplicate Name Exists Error", detail: "The name supplied already exists. : Id=\(id)"
        )
    }
}

/// Times as QuickBooks Online prints them: always Pacific standard time here, so that answers don't depend on the
/// machine.
enum QBOTime {
    static let offsetSeconds = -8 * 3600

    /// `2026-11-20T10:00:00.000-08:00`, for `time` at the root of an answer.
    static func answer(_ now: Timestamp) -> String {
        let whole = Timestamp(seconds: now.seconds).text(offsetSeconds: offsetSeconds)
        let digits = String((now.microseconds - now.seconds * 1_000_000) / 1000)
        let fraction = String(repeating: "0", count: 3 - digits.count) + digits
        return whole.prefix(19) + "." + fraction + whole.dropFirst(19)
    }

    /// `2026-11-20T09:17:31-08:00`, for `MetaData`.
    static func stamp(_ now: Timestamp) -> String { Timestamp(seconds: now.seconds).text(offsetSeconds: offsetSeconds) }

    /// The company's day at that moment.
    static func today(_ now: Timestamp) -> String { String(stamp(now).prefix(10)) }
}
