import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import NetSuite

@Suite("What NetSuite's answers mean") struct JudgeTests {
    private func create(_ it: any LedgerConnector) throws -> Call { try #require(drive(it, it.create([simple()], attempt: "a", facts)).calls.first) }
    private func read(_ it: any LedgerConnector) throws -> Call { try #require(drive(it, it.identify(facts)).calls.first) }

    @Test("a status of SOAP and an error of REST mean the same, by code or by words", arguments: [
        ("USER_ERROR", "The date specified is within a closed accounting period.", "rejected ledger_period_closed"),
        ("TRAN_PERIOD_CLOSED", "x", "rejected ledger_period_closed"),
        ("USER_ERROR", "This transaction is locked by a user defined workflow", "rejected ledger_document_fixed"),
        ("USER_ERROR", "This record cannot be deleted because it has dependent records", "rejected ledger_document_fixed"),
        ("INVALID_KEY_OR_REF", "Invalid item reference key 77.", "rejected ledger_reference_invalid"),
        ("USER_ERROR", "Invalid entity reference key 412 for subsidiary 2.", "rejected ledger_reference_invalid"),
        ("USER_ERROR", "You do not have permission to create invoices. You need the Transactions permission.", "rejected ledger_access_refused"),
        ("INSUFFICIENT_PERMISSION", "Permission Violation", "rejected ledger_access_refused"),
        ("USER_ERROR", "Please enter a value for amount.", "rejected ledger_refused"),
        ("SOMETHING_NEW", "", "rejected ledger_refused"),
        ("DUP_RCRD", "This record already exists", "accepted"),
        ("USER_ERROR", "This entity already exists.", "accepted"),
        ("RCRD_HAS_BEEN_CHANGED", "Record has been changed", "unavailable unavailable"),
        ("SSS_REQUEST_LIMIT_EXCEEDED", "Request Limit Exceeded", "throttled"),
        ("USER_ERROR", "Concurrent request limit exceeded. Request blocked.", "throttled"),
        ("UNEXPECTED_ERROR", "An unexpected error occurred.", "unknown outcome_unknown"),
        ("INVALID_LOGIN_ATTEMPT", "Invalid login attempt.", "reauthorize"),
    ] as [(String, String, String)])
    func problems(code: String, text: String, expected: String) throws {
        #expect(word(rest.judge(refusal(text, code), to: try create(rest))) == expected)
        #expect(word(soap.judge(added(failure(code, text)), to: try create(soap))) == expected)
    }

    @Test("a fault comes under a 500 and did nothing; but for one that NetSuite can't explain", arguments: [
        ("exceededConcurrentRequestLimitFault", "WS_REQUEST_BLOCKED", "Only one request may be made against a session at a time", "throttled", "throttled"),
        ("exceededRequestLimitFault", "WS_CONCUR_SESSION_DISALLWD", "x", "throttled", "throttled"),
        ("unexpectedErrorFault", "X", "Only one request may be made against a session at a time", "throttled", "throttled"),
        ("exceededUsageLimitFault", "X", "x", "throttled", "throttled"),
        ("invalidCredentialsFault", "INVALID_LOGIN_ATTEMPT", "Invalid login attempt.", "reauthorize", "reauthorize"),
        ("invalidSessionFault", "SESSION_TIMED_OUT", "Your connection has timed out.", "unavailable unavailable", "unavailable unavailable"),
        ("insufficientPermissionFault", "X", "x", "rejected ledger_access_refused", "rejected ledger_access_refused"),
        ("exceededRecordCountFault", "MAX_RCRDS_EXCEEDED", "x", "rejected batch_refused", "rejected batch_refused"),
        ("invalidVersionFault", "INVALID_VERSION", "x", "rejected version_mismatch", "rejected version_mismatch"),
        ("unexpectedErrorFault", "UNEXPECTED_ERROR", "x", "unavailable unavailable", "unknown outcome_unknown"),
        ("asyncFault", "X", "x", "unavailable unavailable", "unknown outcome_unknown"),
    ] as [(String, String, String, String, String)])
    func faults(name: String, code: String, text: String, toRead: String, toWrite: String) throws {
        #expect(word(soap.judge(fault(name, code, text), to: try read(soap))) == toRead)
        #expect(word(soap.judge(fault(name, code, text), to: try create(soap))) == toWrite)
    }

    @Test("a fault under another status is believed only where it says that there were too many") func elsewhere() throws {
        #expect(word(soap.judge(fault("invalidCredentialsFault", "INVALID_LOGIN_ATTEMPT", "x", status: 503), to: try create(soap))) == "unknown outcome_unknown")
        #expect(word(soap.judge(fault("exceededConcurrentRequestLimitFault", "WS_REQUEST_BLOCKED", "x", status: 503), to: try create(soap))) == "throttled")
        let schema = envelope("<soapenv:Fault><faultcode>soapenv:Server.userException</faultcode><faultstring>org.xml.sax.SAXException: Invalid element in Invoice - memmo</faultstring></soapenv:Fault>", 500)
        #expect(word(soap.judge(schema, to: try create(soap))) == "rejected ledger_refused")
    }

    @Test("an answer to another operation, without a status, or half of one is none") func misfits() throws {
        for odd in [
            written("update", success() + base("1")), envelope("<addListResponse xmlns=\"\(messages)\"/>"), envelope("<addListResponse xmlns=\"x\"><writeResponseList/></addListResponse>"),
            envelope("<addListResponse xmlns=\"\(messages)\"><writeResponseList><writeResponse/></writeResponseList></addListResponse>"), answer("<soapenv:Envelope"), answer(""),
        ] { #expect(word(soap.judge(odd, to: try create(soap))) == "unknown outcome_unknown", "\(odd.bodyText)") }
        let whole = envelope("<addListResponse xmlns=\"\(messages)\"><writeResponseList>\(failure("USER_ERROR", "no"))</writeResponseList></addListResponse>")
        #expect(word(soap.judge(whole, to: try create(soap))) == "rejected ledger_refused")
    }

    @Test("a record that is missing is accepted where it is asked for by id, in NetSuite's own words alone") func missing() throws {
        let get = try #require(drive(rest, rest.fetch([simple(remoteID: "41")], facts)).calls.first)
        #expect(word(rest.judge(gone, to: get)) == "accepted" && word(rest.judge(HTTPResponse(404), to: get)) == "rejected platform_refused")
        #expect(word(rest.judge(gone, to: try create(rest))) == "rejected ledger_document_missing")
    }

    @Test("what NetSuite says is told in one line and cut") func words() throws {
        guard case .rejected(let fault) = rest.judge(refusal(String(repeating: "no\n", count: 900) + "."), to: try create(rest)) else {
            Issue.record("not rejected")
            return
        }
        #expect(fault.summary.count < 400 && !fault.summary.contains("\n"))
    }
}
