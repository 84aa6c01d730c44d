import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSageIntacct

@Suite("Sage Intacct: records, searches and hostile input")
struct IntacctRecordTests {
    static func customer(_ id: String, _ name: String, more: String = "") -> String {
        "<create><CUSTOMER><CUSTOMERID>\(id)</CUSTOMERID><NAME>\(name)</NAME>\(more)</CUSTOMER></create>"
    }

    @Test("a customer is made with its contact, and changed by its number or its id")
    func customers() throws {
        let bench = try IntacctBench()
        let address = "<MAILADDRESS><ADDRESS1>1 Lake St</ADDRESS1><CITY>Ithaca</CITY></MAILADDRESS>"
        let body = Self.customer("C300", "Möller &amp; Söhne",
            more: "<DISPLAYCONTACT><PRINTAS>Möller</PRINTAS><EMAIL1>a@example.com</EMAIL1>\(address)</DISPLAYCONTACT>")
        let data = try #require(try bench.call(body)["data"])
        #expect(data.attribute("listtype") == "objects" && data.attribute("count") == "1" && data.at(["customer", "CUSTOMERID"])?.value == "C300")
        let no = try #require(data["customer"]?.value("RECORDNO"))
        #expect(try bench.row("CUSTOMER", no, "NAME", "DISPLAYCONTACT.MAILADDRESS.CITY", "STATUS") == ["Möller & Söhne", "Ithaca", "active"])
        #expect(try bench.rows("CONTACT", ["EMAIL1"], IntacctBench.equal("CONTACTNAME", "Möller &amp; Söhne(CC300)")) == [["a@example.com"]])
        try bench.call("<update><CUSTOMER><CUSTOMERID>C300</CUSTOMERID><DISPLAYCONTACT><EMAIL1>b@example.com</EMAIL1></DISPLAYCONTACT></CUSTOMER></update>")
        let read = try bench.call("<readByName><object>CUSTOMER</object><keys>C300</keys></readByName>").at(["data", "CUSTOMER"])
        #expect(read?.at(["DISPLAYCONTACT", "EMAIL1"])?.value == "b@example.com" && read?.at(["DISPLAYCONTACT", "MAILADDRESS", "CITY"])?.value == "Ithaca")
        let again = try bench.result(body)
        #expect(IntacctBench.texts(again).first?.hasPrefix("Another Customer with the given value(s) C300  already exists") == true)
        #expect(again["errormessage"]?.all("error").map { $0.value("errorno") } == ["BL34000061", "BL01001973"])
    }

    @Test("masters need what they need, and go only while nobody uses them")
    func masters() throws {
        let bench = try IntacctBench()
        #expect(try bench.refusal("<create><CUSTOMER><CUSTOMERID>C1</CUSTOMERID></CUSTOMER></create>").text.hasPrefix("Required field NAME is missing"))
        #expect(try bench.refusal(Self.customer("C1", "x", more: "<TERMNAME>N99</TERMNAME>")).text.hasPrefix("Invalid term 'N99' specified."))
        #expect(try bench.refusal(Self.customer(String(repeating: "C", count: 21), "x")).text.hasPrefix("The value of CUSTOMERID is longer than 20 characters"))
        #expect(try bench.refusal("<create><ROCKET><NAME>x</NAME></ROCKET></create>").text.hasPrefix("Object definition ROCKET not found"))
        #expect(try bench.refusal("<delete><object>CUSTOMER</object><keys>999</keys></delete>")
            .text.hasPrefix("Cannot find customer with key '999' to delete."))
        try bench.call(IntacctBench.invoice())
        let no = try bench.rows("CUSTOMER", ["RECORDNO", "TOTALDUE"], IntacctBench.equal("CUSTOMERID", "C100"))[0]
        #expect(try no[1] == "43.18"
            && bench.refusal("<delete><object>CUSTOMER</object><keys>\(no[0])</keys></delete>").text.contains("is used by transactions"))
        let account = "<GLACCOUNT><ACCOUNTNO>4600</ACCOUNTNO><TITLE>Gift wrap</TITLE><ACCOUNTTYPE>incomestatement</ACCOUNTTYPE>"
            + "<REQUIREDEPT>true</REQUIREDEPT></GLACCOUNT>"
        let made = try bench.made("<create>\(account)</create>")
        let lines = IntacctBench.line("4600", "1")
        #expect(try bench.refusal(IntacctBench.invoice("A-2", lines: lines)).text.hasPrefix("Missing the Department dimension for Account 4600"))
        try bench.call("<delete><object>GLACCOUNT</object><keys>\(made)</keys></delete>")
    }

    @Test("a query has pages, an order and conditions of every kind")
    func query() throws {
        let bench = try IntacctBench()
        for n in 1 ... 25 { try bench.call(Self.customer("Q\(n < 10 ? "0" : "")\(n)", "Customer \(n)")) }
        let like = "<like><field>CUSTOMERID</field><value>Q%</value></like>"
        let body = """
            <query><object>CUSTOMER</object><select><field>CUSTOMERID</field></select><filter>\(like)</filter>
            <orderby><order><field>CUSTOMERID</field><descending/></order></orderby><pagesize>10</pagesize><offset>20</offset></query>
            """
        let data = try #require(try bench.call(body)["data"])
        #expect(["totalcount", "offset", "count", "numremaining", "listtype"].map { data.attribute($0) } == ["25", "20", "5", "0", "CUSTOMER"])
        #expect(data.children.map { $0.value("CUSTOMERID") } == ["Q05", "Q04", "Q03", "Q02", "Q01"])
        let both = "<and>\(like)<or>\(IntacctBench.equal("NAME", "Customer 3"))<in><field>CUSTOMERID</field><value>Q07</value><value>C100</value></in>"
            + "</or></and>"
        #expect(try bench.rows("CUSTOMER", ["CUSTOMERID"], both) == [["Q03"], ["Q07"]])
        #expect(try bench.rows("CUSTOMER", ["CUSTOMERID"], "<between><field>RECORDNO</field><value>1</value><value>2</value></between>").count == 2)
        #expect(try bench.rows("CUSTOMER", ["NAME"], IntacctBench.equal("NAME", "customer 3")).isEmpty)
        #expect(try bench.rows("CUSTOMER", ["NAME"], IntacctBench.equal("NAME", "customer 3"),
            more: "<options><caseinsensitive>true</caseinsensitive></options>").count == 1)
        #expect(try bench.rows("CUSTOMER", ["NAME"], "<isnull><field>TERMNAME</field></isnull>").count == 25)
    }

    @Test("changes since a time are found by the second, and only in the vendor's writing")
    func feed() throws {
        let bench = try IntacctBench()
        _ = try bench.key(IntacctBench.invoice("A-1"))
        bench.now = bench.now + .seconds(60)
        let second = try bench.key(IntacctBench.invoice("A-2"))
        func since(_ value: String) -> String { "<greaterthanorequalto><field>WHENMODIFIED</field><value>\(value)</value></greaterthanorequalto>" }
        #expect(try bench.rows("ARINVOICE", ["RECORDNO", "WHENMODIFIED"], since("11/20/2026 10:00:30")) == [[second, "11/20/2026 10:01:00"]])
        #expect(try bench.rows("ARINVOICE", ["RECORDNO"], since("11/20/2026 10:00:00")).count == 2)
        let asked = "<query><object>ARINVOICE</object><select><field>RECORDNO</field></select><filter>\(since("2026-11-20T10:00:00Z"))</filter></query>"
        #expect(try bench.refusal(asked).number == "DL02000001")
    }

    @Test("objects and fields that are not there are said in the vendor's words")
    func unknown() throws {
        let bench = try IntacctBench()
        let object = try bench.refusal("<query><object>VENDOR9</object><select><field>NAME</field></select></query>")
        #expect(object.number == "Query Failed" && object.text.hasPrefix("Object definition VENDOR9 not found"))
        #expect(try bench.refusal("<query><object>VENDOR</object><select><field>NOTHING</field></select></query>").number == "DL02000001")
        #expect(try bench.refusal("<query><object>_SESSION</object><select><field>SESSIONID</field></select></query>").number == "Query Failed")
        #expect(try bench.refusal("<inspect><object>CLASS1</object></inspect>").text.hasPrefix("Object type CLASS1 not found"))
    }

    @Test("readByQuery gives pages that readMore goes on with")
    func readByQuery() throws {
        let bench = try IntacctBench()
        for n in 1 ... 5 { try bench.call(Self.customer("R\(n)", "O'Neil \(n)")) }
        func ask(_ query: String, size: Int) -> String {
            "<readByQuery><object>CUSTOMER</object><fields>RECORDNO,CUSTOMERID</fields><query>\(query)</query><pagesize>\(size)</pagesize></readByQuery>"
        }
        let first = try #require(try bench.call(ask("CUSTOMERID like 'R%'", size: 2))["data"])
        #expect(["listtype", "count", "totalcount", "numremaining"].map { first.attribute($0) } == ["customer", "2", "5", "3"])
        #expect(first.children.map { $0.value("CUSTOMERID") } == ["R1", "R2"] && first.children[0].name.local == "customer")
        let more = "<readMore><resultId>\(first.attribute("resultId") ?? "")</resultId></readMore>"
        #expect(try bench.call(more)["data"]?.children.map { $0.value("CUSTOMERID") } == ["R3", "R4"])
        let last = try #require(try bench.call("<readMore><object>CUSTOMER</object></readMore>")["data"])
        #expect(last.children.map { $0.value("CUSTOMERID") } == ["R5"] && last.attribute("numremaining") == "0")
        #expect(try bench.result(more).value("status") == "failure")
        let conditions = [
            ("NAME = 'O''Neil 1'", 1), ("NAME = 'O\\'Neil 1'", 1), ("CUSTOMERID in ('R1', 'R2') and not NAME like '%2'", 1),
            ("RECORDNO &gt;= 3 and (STATUS = 'active')", 5),
            ("TERMNAME is null", 5), ("CUSTOMERID not in ('R1')", 6), ("", 7),
        ]
        for (query, count) in conditions { #expect(try bench.call(ask(query, size: 100))["data"]?.attribute("totalcount") == "\(count)", "\(query)") }
        for query in ["NAME =", "NAME = 'x", "(NAME = 'x'", "NOTHING = 1", "NAME = 'x' ORDER BY NAME", "RECORDNO = 'x'"] {
            #expect(try bench.refusal(ask(query, size: 100)).number == "DL02000001", "\(query)")
        }
    }

    @Test("objects tell their fields, and groups are counted and summed")
    func schema() throws {
        let bench = try IntacctBench()
        let all = try #require(try bench.call("<inspect><object>*</object></inspect>")["data"])
        #expect(all.children.contains { $0.attribute("typename") == "ARINVOICE" }
            && !all.children.contains { $0.attribute("typename")?.hasPrefix("_") == true })
        let lookup = try bench.call("<lookup><object>GLBATCH</object></lookup>").at(["data", "Type", "Fields"])
        #expect(lookup?.children.first { $0.value("ID") == "BATCH_DATE" }?.value("DATATYPE") == "DATE")
        try bench.call(IntacctBench.invoice("A-1"))
        try bench.call(IntacctBench.invoice("A-2"))
        let body = "<query><object>ARINVOICE</object><select><field>CUSTOMERID</field><count>RECORDNO</count><sum>TRX_TOTALDUE</sum>"
            + "<max>RECORDNO</max></select></query>"
        let row = try #require(try bench.call(body).at(["data", "ARINVOICE"]))
        #expect(row.value("COUNT.RECORDNO") == "2" && row.value("SUM.TRX_TOTALDUE") == "86.36")
    }

    @Test("whatever is sent, the answer is XML and the twin goes on", arguments: [
        "<create/>", "<update/>", "<create><CUSTOMER/></create>", "<update><CUSTOMER><RECORDNO>x</RECORDNO></CUSTOMER></update>",
        "<delete><object>_SESSION</object><keys>1</keys></delete>",
        "<create><_SESSION><SESSIONID>mine</SESSIONID></_SESSION></create>", "<create><ARPYMT/></create>", "<create><GLBATCH><ENTRIES/></GLBATCH></create>",
        "<readMore><resultId/></readMore>",
        "<query><object>CUSTOMER</object><select><field>NAME</field></select><pagesize>99999999999999999999</pagesize></query>",
        "<query><object>CUSTOMER</object><select><field>NAME</field></select><offset>9223372036854775807</offset></query>",
        "<query><object>CUSTOMER</object><select><avg>NAME</avg></select></query>",
        "<readByQuery><object>CUSTOMER</object><query>((((((((((((((((((((((((((((((((((NAME</query></readByQuery>",
        "<create><LOCATION><LOCATIONID>100</LOCATIONID><NAME>x</NAME></LOCATION></create>",
        "<update><LOCATION><LOCATIONID>100</LOCATIONID><PARENTID>110</PARENTID></LOCATION></update>",
        "<apply_arpayment><arpaymentkey>9223372036854775808</arpaymentkey><paymentdate><year>99999</year><month>0</month><day>0</day></paymentdate>"
            + "</apply_arpayment>",
        "<get_list object=\"rocket\"/>", "<read><object>ARINVOICE</object><keys>1,2,x,,9999999999999999999999</keys></read>",
        "<create><GLBATCH><JOURNAL>GJ</JOURNAL><BATCH_TITLE>x</BATCH_TITLE><BATCH_DATE>99/99/9999</BATCH_DATE></GLBATCH></create>",
    ])
    func hostile(body: String) throws {
        let bench = try IntacctBench()
        _ = try bench.send(IntacctBench.function(body, id: "x"))
        #expect(try bench.rows("DEPARTMENT", ["DEPARTMENTID"]).count == 2 && bench.twin.entries().isEmpty)
    }

    @Test("the largest amounts and the strangest rates balance, and larger ones are refused")
    func extremes() throws {
        let bench = try IntacctBench()
        let rate = "<currency>EUR</currency><exchrate>999999</exchrate>"
        let key = try bench.key(IntacctBench.invoice(money: rate, lines: String(repeating: IntacctBench.line("4000", "9999999999999.99"), count: 40)))
        #expect(bench.balances() && bench.entry("ARINVOICE", key)?.lines.count == 2)
        #expect(try bench.refusal(IntacctBench.invoice("A-2", lines: IntacctBench.line("4000", "1e30"))).text.hasPrefix("Invalid amount"))
        #expect(try bench.refusal(IntacctBench.invoice("A-3", money: rate.replacing("999999", with: "0"))).text.hasPrefix("Invalid exchange rate '0'"))
    }

    @Test("requests that are torn anywhere are answered and change nothing")
    func torn() throws {
        let bench = try IntacctBench()
        let whole = Array(bench.request(IntacctBench.function(IntacctBench.invoice(), id: "f")).utf8)
        for length in stride(from: 0, to: whole.count, by: 11) {
            let answer = bench.post(String(decoding: whole.prefix(length), as: UTF8.self))
            #expect(try XMLElement(parsing: answer.body).at(["control", "status"])?.value == "failure", "\(length)")
        }
        #expect(bench.twin.entries().isEmpty)
    }
}
