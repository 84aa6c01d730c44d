internal import Wire

/// One `<error>` of an answer. `description` is mostly empty; `description2` says what is wrong.
struct IntacctError: Sendable, Equatable {
    var number: String
    var description = ""
    var text: String
    var correction = ""

    var element: XMLElement {
        .node("error", [.leaf("errorno", number), .leaf("description", description), .leaf("description2", text), .leaf("correction", correction)])
    }
}

/// Why a function, a login or a request was refused: the cause first, what could not be done behind it.
struct IntacctProblem: Error, Sendable, Equatable {
    var errors: [IntacctError]

    init(_ number: String, _ text: String, correction: String = "", description: String = "") {
        errors = [IntacctError(number: number, description: description, text: text, correction: correction)]
    }

    /// - Parameter support: what the vendor's support finds the call by; it stands behind the first text.
    func element(support: String?) -> XMLElement {
        var shown = errors
        if let support, !shown.isEmpty { shown[0].text += " [Support ID: \(support)]" }
        return .node("errormessage", shown.map(\.element))
    }

    /// The same, with what it kept from being done.
    func keeping(_ text: String) -> IntacctProblem {
        var out = self
        if let last = errors.last, last.text == text || last.number == Self.rolledBack.number { return self }
        out.errors.append(IntacctError(number: "BL01001973", text: text))
        return out
    }

    // MARK: - Business rules

    /// Most rules share one number; the text decides.
    static func rule(_ text: String, correction: String = "") -> IntacctProblem { IntacctProblem("BL01001973", text, correction: correction) }

    /// - Source: Sage's sample of a failed `create_invoice`.
    static func invalid(_ label: String, _ value: String) -> IntacctProblem {
        rule("Invalid \(label) '\(value)' specified.", correction: "Use a valid \(label).")
    }

    static func missing(_ label: String) -> IntacctProblem {
        rule("Required field \(label) is missing", correction: "Provide a value for \(label).")
    }

    /// - Source: intacct-sdk-php, old tests, sample of a class created twice; the two blanks are the vendor's.
    static func duplicate(_ label: String, _ value: String) -> IntacctProblem {
        IntacctProblem("BL34000061", "Another \(label) with the given value(s) \(value)  already exists", correction: "Use a unique value instead.")
    }

    /// - Source: number from Sage's partners' guides; the text is theirs too.
    static func dimension(_ label: String, _ account: String) -> IntacctProblem {
        IntacctProblem("BL03000018", "Missing the \(label) dimension for Account \(account)", correction: "Provide a \(label) on the line.")
    }

    /// - Source: intacct-sdk-net, issue 105; Nexonia's list of Intacct's messages.
    static func closed(_ date: String) -> IntacctProblem {
        rule(
            "Periods are closed. Your transaction date \(date) is within a period that's been closed. You can add, modify, or delete a transaction "
                + "only if the date of that transaction is within a period that's open.",
            correction: "Enter a date that occurs on or after the date of the relevant entity.")
    }

    /// - Source: intacct-sdk-net, issue 160.
    static let taxDetails = rule("Tax details are either missing or don't belong to the tax solution")

    static func tooLong(_ field: String, _ most: Int) -> IntacctProblem {
        rule("The value of \(field) is longer than \(most) characters", correction: "Shorten the value.")
    }

    // MARK: - Reading

    /// - Source: intacct-sdk-php, `test/Intacct/Xml/Response/ResultTest.php`.
    static func noObject(_ name: String) -> IntacctProblem { IntacctProblem("Query Failed", "Object definition \(name) not found") }

    /// - Source: number and text from Mavenlink's and others' experience with fields that an object lacks, and with values that can't be read.
    static let badField = IntacctProblem("DL02000001", "There was an error processing the request.")

    // MARK: - The gateway

    /// - Source: intacct-sdk-php, `test/Intacct/OnlineClientTest.php`.
    static let rolledBack = IntacctError(
        number: "XL03000009", text: "The entire transaction in this operation has been rolled back due to an error.")

    /// - Source: developer.intacct.com, "Error handling".
    static func schema(_ text: String) -> IntacctProblem { IntacctProblem("XL03000003", "XML Parse schema error: \(text)") }

    /// - Source: the samples of PsIntacct and jfcote87/intacct.
    static let sender = IntacctProblem("XL03000006", "Incorrect Intacct XML Partner ID or password.")

    /// - Source: intacct-sdk-php, `OnlineResponseTest.testAuthenticationFailure`.
    static let signIn = IntacctProblem("XL03000006", "Sign-in information is incorrect")

    /// - Source: developer.intacct.com, "Frequently asked questions".
    static func unauthorised(_ sender: String, _ company: String) -> IntacctProblem {
        IntacctProblem(
            "XL03000006", "The sender ID '\(sender)' is not authorized to make Web Services requests to company ID '\(company)'.",
            correction: "Contact the company administrator to grant Web Services authorization to this sender ID.",
            description: "Invalid Web Services Authorization")
    }

    /// The number is confirmed for failed authentication in general; the words are ours.
    static let session = IntacctProblem("XL03000006", "The session is no longer valid.", correction: "Sign in again.")

    /// - Source: intacct-sdk-net, test of a failed control block.
    static func policy(_ name: String) -> IntacctProblem { IntacctProblem("XL03000006", "\(name) is not a valid transport policy.") }

    /// Sage says that such a call is refused, not with which number or words: both are ours.
    static func repeated(_ control: String) -> IntacctProblem {
        IntacctProblem(
            "XL03000008", "The function with controlid '\(control)' was already executed.",
            correction: "Use another controlid, or set uniqueid to false.")
    }

    static func permission(_ operation: String) -> IntacctProblem {
        rule("You do not have permission for API operation \(operation)", correction: "Ask an administrator for it.")
    }
}
