import ConnectorKit
import Kernel
import Testing
import Wire

@Suite("XML-RPC")
struct XMLRPCTests {
    private func read(_ xml: String) -> XMLRPC.Answer? { XMLRPC.read(HTTPResponse(200, body: Array(xml.utf8))) }
    private func value(_ inner: String) -> JSON? {
        guard case .value(let value)? = read("<methodResponse><params><param>\(inner)</param></params></methodResponse>") else { return nil }
        return value
    }
    private func sent(_ parameters: [XMLRPC.Parameter]) -> String {
        String(decoding: XMLRPC.call(.read, "/rpc", method: "m", parameters).request.body, as: UTF8.self)
    }

    @Test("the specification's own call and answers are written and read")
    func specification() throws {
        let call = XMLRPC.call(.write, "/RPC2", method: "examples.getStateName", [.value(41)])
        #expect(String(decoding: call.request.body, as: UTF8.self) == """
            <?xml version="1.0" encoding="UTF-8"?><methodCall><methodName>examples.getStateName</methodName><params>\
            <param><value><int>41</int></value></param></params></methodCall>
            """)
        #expect(call.kind == .write && call.request.method == .post && call.request.fields["Content-Type"] == "text/xml; charset=utf-8")
        #expect(read("""
            <?xml version="1.0"?>
            <methodResponse>
               <params>
                  <param>
                     <value><string>South Dakota</string></value>
                     </param>
                  </params>
               </methodResponse>
            """) == .value("South Dakota"))
        #expect(read("""
            <?xml version="1.0"?>
            <methodResponse>
               <fault>
                  <value>
                     <struct>
                        <member>
                           <name>faultCode</name>
                           <value><int>4</int></value>
                           </member>
                        <member>
                           <name>faultString</name>
                           <value><string>Too many parameters.</string></value>
                           </member>
                        </struct>
                     </value>
                  </fault>
               </methodResponse>
            """) == .fault(code: 4, text: "Too many parameters."))
    }

    @Test("values of every type come back as they were, digits included", arguments: [
        "1", "-17", "2147483648", "19.99", "-0.005", "true", "false", "null", #""""#, #""a <b> & \"c\" 'd'""#, #""é 漢 👩‍👩‍👧""#, "[]", "{}",
        #"[1,[2,{"a":[{"b":false}]}],"x"]"#, #"{"vals":{"line_ids":[[0,0,{"debit":10.50}]]},"context":{}}"#, #""\n\t two  spaces ""#,
    ])
    func roundTrip(_ text: String) throws {
        let json = try JSON(parsing: Array(text.utf8))
        let asked = try #require(XMLRPC.asked(XMLRPC.call(.read, "/rpc", method: "a.b", [.value(json)]).request.body))
        #expect(asked.method == "a.b" && asked.values == [json])
    }

    @Test("numbers: beyond 32 bits i8, exponents written out, and what is no number is a text")
    func numbers() {
        #expect(sent([.value(.number("2147483647"))]).contains("<int>2147483647</int>"))
        #expect(sent([.value(.number("-2147483649"))]).contains("<i8>-2147483649</i8>"))
        #expect(sent([.value(.number("1.5e3"))]).contains("<double>1500</double>"))
        #expect(sent([.value(.number("1e999"))]).contains("<double>1e999</double>"))
        #expect(sent([.value(.number("<x>"))]).contains("<string>&lt;x&gt;</string>"))
    }

    @Test("blanks are shown as stars, an integer as 0, and words can't become tags")
    func blanks() {
        let body = sent([.text(.account), .integer(.part("uid")), .text(.part("key")), .value("</string></value><x>")])
        #expect(body.contains("<value><int>0</int></value>") && body.contains("<string>***</string>"))
        #expect(body.contains("&lt;/string&gt;&lt;/value&gt;&lt;x&gt;"))
        #expect(XMLRPC.asked(Array(body.utf8))?.values.count == 4)
    }

    @Test("an untyped value is a text; nil, i4, dates and bytes are read; a struct keeps its order")
    func readings() {
        #expect(value("<value>bare</value>") == "bare")
        #expect(value("<value/>") == "")
        #expect(value("<value><nil/></value>") == .some(.null))
        #expect(value("<value xmlns:ex='http://ws.apache.org/xmlrpc/namespaces/extensions'><ex:nil/></value>") == .some(.null))
        #expect(value("<value><i4> 7 </i4></value>") == 7)
        #expect(value("<value><double>+48.690</double></value>") == .number("48.690"))
        #expect(value("<value><dateTime.iso8601>20261120T10:00:00</dateTime.iso8601></value>") == "20261120T10:00:00")
        #expect(value("<value><base64>eW91</base64></value>") == "eW91")
        #expect(value("<value><boolean>1</boolean></value>") == true)
        #expect(value("<value><struct><member><name>b</name><value>1</value></member><member><name>a</name><value>2</value></member></struct></value>")?.object?.map(\.key) == ["b", "a"])
    }

    @Test("what is no value is no answer: nothing is guessed", arguments: [
        "<value><int>1.5</int></value>", "<value><int></int></value>", "<value><int>99999999999999999999</int></value>", "<value><int>7<x/></int></value>",
        "<value><boolean>2</boolean></value>", "<value><boolean>true</boolean></value>", "<value><double>nan</double></value>", "<value><double>inf</double></value>",
        "<value><double>0x10</double></value>", "<value><double>1,5</double></value>", "<value><string>a</string><string>b</string></value>",
        "<value>text<int>1</int></value>", "<value><unheard>1</unheard></value>", "<value><array><value>1</value></array></value>",
        "<value><array><data><int>1</int></data></array></value>", "<value><array/></value>", "<value><struct><member><name>a</name></member></struct></value>",
        "<value><struct><member><value>1</value></member></struct></value>", "<value><struct><value>1</value></struct></value>",
        "<value><struct><member><name>a</name><value>1</value></member><member><name>a</name><value>2</value></member></struct></value>",
        "<value>1</value><value>2</value>", "", "<other>1</other>",
    ])
    func refused(_ inner: String) { #expect(value(inner) == nil) }

    @Test("nor is what is no answer at all", arguments: [
        "", "<html></html>", "<methodResponse/>", "<methodResponse><params/></methodResponse>", "<methodResponse><params><param><value>1</value></param></params>",
        "<methodResponse><params><param><value>1</value></param><param><value>2</value></param></params></methodResponse>",
        "<methodResponse><params><param><value>1</value></param></params><fault/></methodResponse>", "<methodResponse><fault><value>x</value></fault></methodResponse>",
        "<methodResponse><fault><value><struct><member><name>faultCode</name><value>one</value></member></struct></value></fault></methodResponse>",
        "<!DOCTYPE methodResponse [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><methodResponse><params><param><value>&a;</value></param></params></methodResponse>",
        #"{"jsonrpc":"2.0"}"#,
    ])
    func noAnswer(_ body: String) {
        #expect(read(body) == nil)
        #expect(XMLRPC.asked(Array(body.utf8)) == nil)
    }

    @Test("bent answers never trap, and what is still read is read the same twice")
    func bent() {
        let whole = Array("<methodResponse><params><param><value><array><data><value><int>1</int></value><value><struct><member><name>a</name><value><double>1.5</double></value></member></struct></value></data></array></value></param></params></methodResponse>".utf8)
        for seed in 1 ... 400 as ClosedRange<UInt64> {
            var chance = Seeded(seed)
            var body = whole
            for _ in 0 ..< Int.random(in: 1 ... 3, using: &chance) {
                body[Int.random(in: body.indices, using: &chance)] = UInt8.random(in: 0 ... 255, using: &chance)
            }
            if Bool.random(using: &chance) { body = Array(body.prefix(Int.random(in: body.indices, using: &chance))) }
            #expect(XMLRPC.read(HTTPResponse(200, body: body)) == XMLRPC.read(HTTPResponse(200, body: body)), "seed \(seed)")
        }
    }
}
