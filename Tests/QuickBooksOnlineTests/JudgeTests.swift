import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

@Suite("Judging answers")
struct JudgeTests {
    let connector = Desk.connector

    private var write: Call { connector.write("invoice", [], attempt: "a", [:], Desk.facts) }
    private var batch: Call { connector.batch([[("Invoice", [:])]], attempt: "a", Desk.facts) }
    private var read: Call { connector.read("query", [], Desk.facts) }

    private func word(_ verdict: Verdict) -> String {
        switch verdict {
        case .accepted: "accepted"
        case .throttled(_, let bucket): "throttled \(bucket ?? "")"
        case .unavailable: "unavailable"
        case .reauthorize(let fault): "reauthorize \(fault.code)"
        case .duplicate(let fault): "duplicate \(fault.code)"
        case .rejected(let fault): "rejected \(fault.code)"
        case .outcomeUnknown: "unknown"
        }
    }

    static let xml = """
        <?xml version="1.0" encoding="UTF-8"?><IntuitResponse time="2026-11-20T10:00:00"><Fault type="SERVICE"><Error code="3001">\
        <Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message><Detail>The request limit was reached.</Detail>\
        </Error></Fault></IntuitResponse>
        """

    @Test(
        "each answer has one meaning for a write and one for a read",
        arguments: [
            (200, #"{"Invoice":{"Id":"1"}}"#, "accepted", "accepted"),
            (200, "", "unknown", "unavailable"),
            (200, #"{"Invoice":{"Id""#, "unknown", "unavailable"),
            (200, "[]", "unknown", "unavailable"),
            (200, "<html>", "unknown", "unavailable"),
            (200, Desk.fault("6140"), "duplicate duplicate_number", "duplicate duplicate_number"),
            (200, Desk.fault("5010"), "accepted", "rejected stale_version"),
            (
                200, #"{"QueryResponse":\#(Desk.fault("2500"))}"#, "rejected invalid_reference",
                "rejected invalid_reference"
            ),
            (200, Desk.fault("77", type: "SystemFault"), "unknown", "unavailable"),
            (400, Desk.fault("6140"), "duplicate duplicate_number", "duplicate duplicate_number"),
            (
                400, Desk.fault("6210", "Account Period Closed, Cannot Update"), "rejected period_closed",
                "rejected period_closed"
            ),
            (400, Desk.fault("6200", "Account Period Closed"), "rejected period_closed", "rejected period_closed"),
            (
                400, Desk.fault("6210", "Duplicate Document Number"), "duplicate duplicate_number",
                "duplicate duplicate_number"
            ),
            (400, Desk.fault("610", "Object Not Found"), "rejected object_not_found", "rejected object_not_found"),
            (400, Desk.fault("6000"), "rejected business_rule", "rejected business_rule"),
            (400, Desk.fault("6240"), "rejected name_taken", "rejected name_taken"),
            (400, Desk.fault("6540"), "rejected deposited", "rejected deposited"),
            (400, Desk.fault("620"), "rejected cannot_link", "rejected cannot_link"),
            (400, Desk.fault("2050"), "rejected text_too_long", "rejected text_too_long"),
            (
                400, Desk.fault("6190", "Subscription period has ended"), "reauthorize subscription_ended",
                "reauthorize subscription_ended"
            ),
            (
                400, Desk.fault("500", "Unsupported Operation"), "rejected unsupported_operation",
                "rejected unsupported_operation"
            ),
            (400, Desk.fault("500", "An application error"), "unknown", "unavailable"),
            (400, Desk.fault("10000", type: "SystemFault"), "unknown", "unavailable"),
            (400, Desk.fault("4711", "Never seen"), "rejected refused", "rejected refused"),
            (400, "", "rejected refused", "rejected refused"),
            (418, "short and stout", "rejected refused", "rejected refused"),
            (404, "{}", "rejected refused", "rejected refused"),
            (401, "", "reauthorize credential_rejected", "reauthorize credential_rejected"),
            (
                401,
                #"{"warnings":null,"fault":{"error":[{"message":"AuthenticationFailed","code":"3200"}],"type":"AUTHENTICATION"}}"#,
                "reauthorize credential_rejected", "reauthorize credential_rejected"
            ),
            (403, Desk.fault("3100", type: "AuthorizationFault"), "rejected not_allowed", "rejected not_allowed"),
            (403, Desk.fault("120"), "rejected not_allowed", "rejected not_allowed"),
            (403, "", "rejected not_allowed", "rejected not_allowed"),
            (403, xml, "throttled minute", "throttled reads"),
            (429, xml, "throttled minute", "throttled reads"),
            (429, "", "throttled minute", "throttled reads"),
            (408, "", "unknown", "unavailable"),
            (302, "", "unknown", "unavailable"),
            (500, Desk.fault("6140"), "unknown", "unavailable"),
            (502, "<html>Bad Gateway</html>", "unknown", "unavailable"),
            (503, "", "unknown", "unavailable"),
            (504, "", "unknown", "unavailable"),
        ])
    func table(_ status: Int, _ body: String, _ written: String, _ asked: String) {
        #expect(word(connector.judge(Desk.answer(body, status), to: write)) == written)
        #expect(word(connector.judge(Desk.answer(body, status), to: read)) == asked)
    }

    @Test("a refused batch call tells nothing of its documents; a throttled one pauses batches alone")
    func batches() {
        guard case .rejected(let fault) = connector.judge(Desk.answer(Desk.fault("2010"), 400), to: batch) else {
            Issue.record("not rejected")
            return
        }
        #expect(fault.code == "batch_refused")
        #expect(fault.underlying == "unsupported_property")
        #expect(word(connector.judge(Desk.answer("", 429), to: batch)) == "throttled batch")
    }

    @Test(
        "a pause is a minute, or longer where the answer asks for it",
        arguments: [
            (nil, 60), ("5", 60), ("90", 90), ("999999999", 3_600), ("soon", 60), ("-3", 60),
        ] as [(String?, Int)])
    func pause(_ header: String?, _ seconds: Int) {
        var answer = Desk.answer("", 429)
        answer.fields["Retry-After"] = header
        #expect(connector.judge(answer, to: read) == .throttled(after: .seconds(seconds), bucket: "reads"))
    }

    @Test("what it said is kept on one line of at most 300 characters, with Intuit's id")
    func words() {
        var answer = Desk.answer(Desk.fault("6000", "A\\nB" + String(repeating: "x", count: 1_000)), 400)
        answer.fields["intuit_tid"] = "1-673c-abc"
        guard case .rejected(let fault) = connector.judge(answer, to: write) else {
            Issue.record("not rejected")
            return
        }
        #expect(fault.summary.hasPrefix("QuickBooks Online says: A Bx"))
        #expect(fault.summary.count < 360)
        #expect(fault.underlying == "intuit_tid 1-673c-abc")
        #expect(fault.disposition == .reject)
    }

    @Test("no status and no body is without a verdict, and no failed write passes for accepted")
    func total() {
        for status in 0 ... 999 {
            for body in ["", "{}", "<", Desk.fault("1")] {
                for call in [write, read, batch] {
                    let verdict = connector.judge(Desk.answer(body, status), to: call)
                    if !(200 ..< 300).contains(status) { #expect(verdict != .accepted) }
                    if status >= 500, call.kind == .write { #expect(word(verdict) == "unknown") }
                }
            }
        }
    }
}
