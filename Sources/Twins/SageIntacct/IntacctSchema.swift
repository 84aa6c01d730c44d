internal import Wire

/// What a field holds: how it is compared, and what `lookup` says of it.
enum IntacctKind: String, Sendable {
    case text = "TEXT"
    case integer = "INTEGER"
    case decimal = "DECIMAL"
    case day = "DATE"
    case time = "TIMESTAMP"
    case flag = "BOOLEAN"

    init(code: Substring) {
        switch code {
        case "n": self = .integer
        case "d": self = .decimal
        case "D": self = .day
        case "T": self = .time
        case "b": self = .flag
        default: self = .text
        }
    }
}

/// One object of the generic functions.
struct IntacctObject: Sendable {
    struct Lines: Sendable {
        /// The element around them: `ARINVOICEITEMS`.
        var list: String
        var object: String
    }

    let name: String
    let label: String
    /// What people know a record by; empty where that is its record number.
    let id: String
    /// In the order of reading.
    let fields: [(name: String, kind: IntacctKind)]
    let kinds: [String: IntacctKind]
    /// What begins the names of a contact's fields.
    let contacts: [String]
    let required: [String]
    let lines: Lines?
    /// Fields that records are looked for by.
    let indexed: [String]

    /// - Parameter fields: names with the code of their kind: `TOTALDUE:d`.
    init(
        _ name: String, _ label: String, id: String = "", required: [String] = [], contacts: [String] = [], lines: Lines? = nil, indexed: [String] = [],
        _ fields: String
    ) {
        var list: [(name: String, kind: IntacctKind)] = [("RECORDNO", .integer)]
        for word in fields.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            let parts = word.split(separator: ":")
            list.append((String(parts[0]), IntacctKind(code: parts.count > 1 ? parts[1] : "")))
        }
        self.name = name
        self.label = label
        self.id = id
        self.fields = list
        kinds = Dictionary(list.map { ($0.name, $0.kind) }) { first, _ in first }
        self.contacts = contacts
        self.required = required
        self.lines = lines
        self.indexed = indexed + (id.isEmpty || indexed.contains(id) ? [] : [id])
    }

    /// `nil` where the object has no such field.
    func kind(_ field: String) -> IntacctKind? {
        if let known = kinds[field] { return known }
        guard let dot = field.firstIndex(of: "."), contacts.contains(String(field[..<dot])) else { return nil }
        return Self.contactFields.contains(String(field[field.index(after: dot)...])) ? .text : nil
    }

    static let contactFields: Set<String> = {
        let plain = """
            CONTACTNAME PREFIX FIRSTNAME INITIAL LASTNAME COMPANYNAME PRINTAS TAXABLE TAXGROUP TAXID PHONE1 PHONE2 CELLPHONE PAGER FAX EMAIL1 EMAIL2
            URL1 URL2 VISIBLE
            TAXGROUP.NAME TAXGROUP.RECORDNO MAILADDRESS.ADDRESS1 MAILADDRESS.ADDRESS2 MAILADDRESS.CITY MAILADDRESS.STATE MAILADDRESS.ZIP MAILADDRESS.COUNTRY
            MAILADDRESS.COUNTRYCODE
            """
        return Set(plain.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init))
    }()
}

/// The objects that this twin has.
/// - Source: fields as fylein/sageintacct-sdk-py reads them (`apis/constants.py`), and as intacct-sdk-php writes them.
enum IntacctSchema {
    private static let owner = "MEGAENTITYKEY MEGAENTITYID MEGAENTITYNAME RECORD_URL"
    private static let stamps = "WHENCREATED:T WHENMODIFIED:T CREATEDBY MODIFIEDBY \(owner)"
    private static let documentStamps = "AUWHENCREATED:T WHENMODIFIED:T CREATEDBY MODIFIEDBY \(owner)"
    private static let dimensions = """
        DEPARTMENTID DEPARTMENTNAME LOCATIONID LOCATIONNAME CLASSID CLASSNAME CUSTOMERID CUSTOMERNAME VENDORID VENDORNAME EMPLOYEEID EMPLOYEENAME
        ITEMID ITEMNAME
        PROJECTID PROJECTNAME CONTRACTID CONTRACTNAME WAREHOUSEID TASKID
        """
    private static let rates = "BASECURR CURRENCY EXCH_RATE_DATE:D EXCH_RATE_TYPE_ID EXCHANGE_RATE:d"
    private static let sums = """
        TOTALENTERED:d TRX_TOTALENTERED:d TOTALSELECTED:d TRX_TOTALSELECTED:d TOTALPAID:d TRX_TOTALPAID:d TOTALDUE:d TRX_TOTALDUE:d
        """
    private static let retainage = "RETAINAGEPERCENTAGE:d TRX_TOTALRETAINED:d TRX_TOTALRELEASED:d TOTALRETAINED:d"
    private static let entry = """
        RECORDKEY:n ACCOUNTKEY:n ACCOUNTNO ACCOUNTTITLE OFFSETACCOUNTKEY:n OFFSETGLACCOUNTNO OFFSETGLACCOUNTTITLE ACCOUNTLABELKEY:n ACCOUNTLABEL ENTRY_DATE:D
        AMOUNT:d TRX_AMOUNT:d ENTRYDESCRIPTION EXCH_RATE_DATE:D EXCH_RATE_TYPE_ID EXCHANGE_RATE:d ALLOCATIONKEY ALLOCATION LINEITEM LINE_NO:n CURRENCY BASECURR
        TOTALPAID:d TRX_TOTALPAID:d TRX_DISCOUNTAPPLIED:d TOTALSELECTED:d TRX_TOTALSELECTED:d SUBTOTAL PARENTENTRY PAYMENTTAXCAPTURE DEFERREVENUE
        REVRECTEMPLATEKEY REVRECTEMPLATE DEFERREDREVACCTKEY DEFERREDREVACCTNO DEFERREDREVACCTTITLE REVRECSTARTDATE:D REVRECENDDATE:D BASELOCATION
        STATE RECORDTYPE
        BILLABLE BILLABLECONTRACTSCHENTRYKEY BILLABLECONTRACTUSAGEBILLINGID DETAILKEY RETAINAGEPERCENTAGE:d TRX_AMOUNTRETAINED:d AMOUNTRETAINED:d
        TRX_AMOUNTRELEASED:d RETAINAGE_OFFSETGLACCOUNTNO PROJECTCONTRACTID PROJECTCONTRACTKEY PROJECTCONTRACTLINEID PROJECTCONTRACTLINEKEY PROJECTCONTRACTNAME
        PROJECTCONTRACTLINENAME ISRETAINAGERELEASE ISSUMMARIZED AMORTIZATIONTEMPLATEKEY AMORTIZATIONTEMPLATEID AMORTIZATIONSTARTDATE:D AMORTIZATIONENDDATE:D
        ORIGDOCKEY ORIGDOCLINEKEY ORIGDOCID ORIGDOCLINEID CLASSDIMKEY CUSTOMERDIMKEY VENDORDIMKEY EMPLOYEEDIMKEY ITEMDIMKEY PROJECTDIMKEY CONTRACTDIMKEY
        \(dimensions) WHENCREATED:T WHENMODIFIED:T CREATEDBY MODIFIEDBY
        """
    private static let document = """
        RECORDTYPE RECORDID STATE RAWSTATE DOCNUMBER DESCRIPTION DESCRIPTION2 TERMNAME WHENCREATED:D WHENPOSTED:D WHENDISCOUNT:D WHENDUE:D WHENPAID:D \(rates)
        \(sums) PRBATCH PRBATCHKEY:n MODULEKEY SYSTEMGENERATED:b DUE_IN_DAYS:n TAXSOLUTIONID TAXMETHOD SUPDOCID \(retainage) \(documentStamps)
        """
    private static let payment = """
        PRBATCHKEY:n RECORDTYPE FINANCIALENTITY FINANCIALENTITYTYPE FINANCIALACCOUNTNAME FINANCIALACCOUNTCURRENCY SUMMARYTITLE STATE DISPLAYSTATE RAWSTATE
        PAYMENTMETHOD PAYMENTMETHODKEY DOCNUMBER DESCRIPTION WHENCREATED:D RECEIPTDATE:D PAYMENTDATE:D WHENPAID:D \(rates) \(sums) BILLTOPAYTONAME
        PRBATCH CLEARED
        CLRDATE:D RECORDID BILLTOPAYTOKEY PARENTPAYMENTKEY UNDEPOSITEDACCOUNTNO TAXSOLUTIONID SUPDOCID MULTIENTITYPYMTKEY \(documentStamps)
        """
    private static let detail = """
        PAYMENTKEY:n RECORDKEY:n ENTRYKEY:n POSADJKEY:n POSADJENTRYKEY:n INLINEKEY:n INLINEENTRYKEY:n TRX_INLINEAMOUNT:d INLINEAMOUNT:d ADJUSTMENTKEY:n
        ADJUSTMENTENTRYKEY:n TRX_ADJUSTMENTAMOUNT:d ADJUSTMENTAMOUNT:d ADVANCEKEY:n ADVANCEENTRYKEY:n TRX_POSTEDADVANCEAMOUNT:d POSTEDADVANCEAMOUNT:d
        OVERPAYMENTKEY:n OVERPAYMENTENTRYKEY:n TRX_POSTEDOVERPAYMENTAMOUNT:d POSTEDOVERPAYMENTAMOUNT:d TRX_PAYMENTAMOUNT:d PAYMENTAMOUNT:d CURRENCY STATE
        WHENCREATED:T WHENMODIFIED:T
        """
    private static let contact = """
        COMPANYNAME PREFIX FIRSTNAME LASTNAME INITIAL PRINTAS TAXABLE TAXGROUP TAXID PHONE1 PHONE2 CELLPHONE PAGER FAX EMAIL1 EMAIL2 URL1 URL2 VISIBLE STATUS
        MAILADDRESS.ADDRESS1 MAILADDRESS.ADDRESS2 MAILADDRESS.CITY MAILADDRESS.STATE MAILADDRESS.ZIP MAILADDRESS.COUNTRY MAILADDRESS.COUNTRYCODE
        """

    private static let ledger: [IntacctObject] = [
        IntacctObject(
            "GLACCOUNT", "GL account", id: "ACCOUNTNO", required: ["ACCOUNTNO", "TITLE"],
            """
            ACCOUNTNO TITLE ACCOUNTTYPE NORMALBALANCE CLOSINGTYPE CLOSINGACCOUNTNO STATUS CATEGORY ALTERNATIVEACCOUNT TAXABLE:b REQUIREDEPT:b REQUIRELOC:b
            REQUIREPROJECT:b REQUIRECUSTOMER:b REQUIREVENDOR:b REQUIREITEM:b REQUIRECLASS:b SUBLEDGERCONTROLON \(stamps)
            """),
        IntacctObject("JOURNAL", "Journal", id: "SYMBOL", required: ["SYMBOL", "TITLE"], "SYMBOL TITLE STATUS STARTDATE:D ADJ:b BOOKID \(stamps)"),
        IntacctObject(
            "GLBATCH", "GL batch", lines: .init(list: "ENTRIES", object: "GLENTRY"), indexed: ["REFERENCENO"],
            """
            BATCHNO:n BATCH_TITLE BATCH_DATE:D JOURNAL JOURNALSEQNO STATE MODULE ADJ REFERENCENO BASELOCATION_NO BALANCE:d SUPDOCID HISTORY_COMMENT
            TAXIMPLICATIONS VATVENDORID VATCUSTOMERID VATCONTACTID TAXSOLUTIONID REVERSED:D REVERSEDKEY:n REVERSEDFROM:D USERKEY USERINFO.LOGINID MODIFIED:T
            \(stamps)
            """),
        IntacctObject(
            "GLENTRY", "GL entry", indexed: ["BATCHNO"],
            """
            BATCHNO:n BATCH_NUMBER:n BATCHTITLE LINE_NO:n ENTRY_DATE:D TR_TYPE:n ACCOUNTKEY:n ACCOUNTNO ACCOUNTTITLE AMOUNT:d TRX_AMOUNT:d \(rates) DOCUMENT
            DESCRIPTION LOCATION LOCATIONNAME DEPARTMENT DEPARTMENTTITLE CLASSID CUSTOMERID VENDORID EMPLOYEEID ITEMID PROJECTID CONTRACTID WAREHOUSEID STATE
            ALLOCATION CLEARED CLRDATE:D \(stamps)
            """),
        IntacctObject(
            "GLDETAIL", "GL detail",
            """
            BATCHKEY:n BATCH_DATE:D BATCH_TITLE SYMBOL BATCH_NO:n BOOKID CHILDENTITY MODIFIED:T REFERENCENO ADJ MODULEKEY OWNERSHIPKEY LINE_NO:n ENTRY_DATE:D
            TR_TYPE:n DOCUMENT ACCOUNTNO ACCOUNTTITLE STATISTICAL DEPARTMENTID DEPARTMENTTITLE LOCATIONID LOCATIONNAME CURRENCY BASECURR DESCRIPTION
            DEBITAMOUNT:d CREDITAMOUNT:d AMOUNT:d TRX_DEBITAMOUNT:d TRX_CREDITAMOUNT:d TRX_AMOUNT:d
            """),
        IntacctObject(
            "CHECKINGACCOUNT", "Checking account", id: "BANKACCOUNTID", required: ["BANKACCOUNTID", "GLACCOUNTNO"],
            """
            BANKACCOUNTID BANKACCOUNTNO GLACCOUNTNO BANKNAME ROUTINGNO BRANCHID BANKACCOUNTTYPE CURRENCY DEPARTMENTID LOCATIONID STATUS ACHBANKID COMPANYNAME
            \(stamps)
            """),
        IntacctObject(
            "TAXDETAIL", "Tax detail", id: "DETAILID",
            """
            DETAILID TAXUID DESCRIPTION TAXTYPE VALUE:d MINTAXABLE:d MAXTAXABLE:d INCLUDE MINTAX:d MAXTAX:d GLACCOUNT TAXAUTHORITY STATUS
            REVERSECHARGE:b TAXRATE
            TAXSOLUTIONID \(stamps)
            """),
        IntacctObject(
            "TAXSOLUTION", "Tax solution", id: "SOLUTIONID",
            """
            SOLUTIONID DESCRIPTION TAXMETHOD STATUS TYPE STARTDATE:D SHOWMULTILINETAX:b ARADVANCEOFFSETACCT ARADVANCEOFFSETACCTTITLE ARADVANCEOFFSETACCTKEY
            GLACCOUNTPURCHASE GLACCOUNTPURCHASETITLE GLACCOUNTPURCHASEKEY GLACCOUNTSALE GLACCOUNTSALETITLE GLACCOUNTSALEKEY ALTSETUP:b LASTUPDATE:D
            SUBMISSIONPROCESS \(stamps)
            """),
        IntacctObject("ARTERM", "AR term", id: "NAME", required: ["NAME"], "NAME DESCRIPTION STATUS DUEDATE:n DUEFROM \(stamps)"),
        IntacctObject("APTERM", "AP term", id: "NAME", required: ["NAME"], "NAME DESCRIPTION STATUS DUEDATE:n DUEFROM \(stamps)"),
        IntacctObject(
            "ARACCOUNTLABEL", "AR account label", id: "ACCOUNTLABEL", required: ["ACCOUNTLABEL", "GLACCOUNTNO"],
            "ACCOUNTLABEL DESCRIPTION GLACCOUNTNO STATUS \(stamps)"),
        IntacctObject(
            "APACCOUNTLABEL", "AP account label", id: "ACCOUNTLABEL", required: ["ACCOUNTLABEL", "GLACCOUNTNO"],
            "ACCOUNTLABEL DESCRIPTION GLACCOUNTNO STATUS \(stamps)"),
    ]

    private static let masters: [IntacctObject] = [
        IntacctObject(
            "CUSTOMER", "Customer", id: "CUSTOMERID", required: ["CUSTOMERID", "NAME"], contacts: ["DISPLAYCONTACT", "CONTACTINFO", "BILLTO", "SHIPTO"],
            """
            CUSTOMERID NAME ENTITY PARENTKEY PARENTID PARENTNAME CUSTTYPE CUSTREPID CUSTREPNAME TERMNAME TOTALDUE:d GLGRPKEY GLGROUP STATUS ONETIME:b ONHOLD:b
            CREDITLIMIT:d CURRENCY TAXID RESALENO TERRITORYID SHIPPINGMETHOD DELIVERYOPTIONS OFFSETGLACCOUNTNO ARACCOUNT ACCOUNTLABEL COMMENTS SUPDOCID
            HIDEDISPLAYCONTACT:b OBJECTRESTRICTION \(stamps)
            """),
        IntacctObject(
            "VENDOR", "Vendor", id: "VENDORID", required: ["VENDORID", "NAME"], contacts: ["DISPLAYCONTACT", "CONTACTINFO", "PAYTO", "RETURNTO"],
            """
            VENDORID NAME ENTITY PARENTKEY PARENTID PARENTNAME VENDORACCOUNTNO VENDTYPE TERMNAME TOTALDUE:d ACCOUNTLABEL APACCOUNT APACCOUNTTITLE
            OFFSETGLACCOUNTNO
            STATUS ONETIME:b ONHOLD:b CREDITLIMIT:d CURRENCY TAXID COMMENTS SUPDOCID HIDEDISPLAYCONTACT:b OBJECTRESTRICTION \(stamps)
            """),
        IntacctObject("CONTACT", "Contact", id: "CONTACTNAME", required: ["CONTACTNAME", "PRINTAS"], "CONTACTNAME \(contact) \(stamps)"),
        IntacctObject(
            "ITEM", "Item", id: "ITEMID", required: ["ITEMID", "NAME", "ITEMTYPE"],
            "ITEMID STATUS MRR NAME EXTENDED_DESCRIPTION PRODUCTLINEID GLGROUP ITEMTYPE BASEPRICE:d STANDARD_COST:d TAXABLE:b TAXGROUP UOMGRP UPC \(stamps)"),
        IntacctObject(
            "DEPARTMENT", "Department", id: "DEPARTMENTID", required: ["DEPARTMENTID", "TITLE"],
            "DEPARTMENTID TITLE PARENTKEY PARENTID SUPERVISORNAME SUPERVISORID STATUS CUSTTITLE \(stamps)"),
        IntacctObject(
            "LOCATION", "Location", id: "LOCATIONID", required: ["LOCATIONID", "NAME"],
            "LOCATIONID NAME PARENTKEY PARENTID PARENTNAME STATUS CURRENCY STARTDATE:D ENDDATE:D TAXID REPORTPRINTAS \(stamps)"),
        IntacctObject(
            "LOCATIONENTITY", "Entity", id: "LOCATIONID",
            """
            LOCATIONID NAME REPORTPRINTAS SUPERVISORID FIRSTMONTH FIRSTMONTHTAX WEEKSTART FEDERALID STARTDATE:D ENDDATE:D STATUS HAS_IE_RELATION:b CUSTOMERID
            CUSTOMERNAME VENDORID VENDORNAME CURRENCY TAXID ENABLELEGALCONTACT:b LEGALNAME LEGALADDRESS1 LEGALADDRESS2 LEGALCITY LEGALSTATE LEGALZIPCODE
            LEGALCOUNTRY OPCOUNTRY ADDRESSCOUNTRYDEFAULT TAXSOLUTIONID \(stamps)
            """),
        IntacctObject("CLASS", "Class", id: "CLASSID", required: ["CLASSID", "NAME"], "CLASSID NAME DESCRIPTION STATUS PARENTKEY PARENTID \(stamps)"),
        IntacctObject(
            "PROJECT", "Project", id: "PROJECTID", required: ["PROJECTID", "NAME", "PROJECTCATEGORY"],
            """
            PROJECTID NAME DESCRIPTION CURRENCY PROJECTCATEGORY PROJECTSTATUS PARENTKEY PARENTID PARENTNAME STATUS CUSTOMERKEY CUSTOMERID
            CUSTOMERNAME PROJECTTYPE
            DEPARTMENTID DEPARTMENTNAME LOCATIONID LOCATIONNAME BEGINDATE:D ENDDATE:D BUDGETID \(stamps)
            """),
        IntacctObject("EMPLOYEE", "Employee", id: "EMPLOYEEID", required: ["EMPLOYEEID"], contacts: ["PERSONALINFO", "CONTACT"],
            "EMPLOYEEID TITLE LOCATIONID DEPARTMENTID STATUS STARTDATE:D ENDDATE:D CURRENCY \(stamps)"),
        IntacctObject("WAREHOUSE", "Warehouse", id: "WAREHOUSEID", required: ["WAREHOUSEID", "NAME"], "WAREHOUSEID NAME LOCATIONID STATUS \(stamps)"),
    ]

    private static let billTo = ["CONTACT", "BILLTO", "SHIPTO"]
    private static let payTo = ["CONTACT", "PAYTO", "RETURNTO"]

    private static let documents: [IntacctObject] = [
        IntacctObject(
            "ARINVOICE", "AR invoice", contacts: billTo, lines: .init(list: "ARINVOICEITEMS", object: "ARINVOICEITEM"), indexed: ["RECORDID", "CUSTOMERID"],
            "CUSTOMERID CUSTOMERNAME CUSTMESSAGEID CUSTMESSAGE.MESSAGE BILLTOPAYTOCONTACTNAME SHIPTORETURNTOCONTACTNAME SHOP_ID \(document)"),
        IntacctObject("ARINVOICEITEM", "AR invoice item", indexed: ["RECORDKEY"], entry),
        IntacctObject(
            "ARADJUSTMENT", "AR adjustment", contacts: billTo, lines: .init(list: "ARADJUSTMENTITEMS", object: "ARADJUSTMENTITEM"),
            indexed: ["RECORDID", "CUSTOMERID"],
            "CUSTOMERID CUSTOMERNAME BILLTOPAYTOCONTACTNAME SHIPTORETURNTOCONTACTNAME SHOP_ID \(document)"),
        IntacctObject("ARADJUSTMENTITEM", "AR adjustment item", indexed: ["RECORDKEY"], entry),
        IntacctObject(
            "ARPYMT", "AR payment", lines: .init(list: "ARPYMTDETAILS", object: "ARPYMTDETAIL"), indexed: ["DOCNUMBER", "CUSTOMERID"],
            "CUSTOMERID CUSTOMERNAME PAYERNAME \(payment)"),
        IntacctObject("ARPYMTDETAIL", "AR payment detail", indexed: ["PAYMENTKEY", "RECORDKEY"], detail),
        IntacctObject(
            "ARADVANCE", "AR advance", lines: .init(list: "ARADVANCEITEMS", object: "ARADVANCEITEM"), indexed: ["DOCNUMBER", "CUSTOMERID"],
            "CUSTOMERID CUSTOMERNAME \(payment)"),
        IntacctObject("ARADVANCEITEM", "AR advance item", indexed: ["RECORDKEY"], entry),
        IntacctObject(
            "OTHERRECEIPTS", "Other receipt", lines: .init(list: "OTHERRECEIPTSITEMS", object: "OTHERRECEIPTSENTRY"), indexed: ["DOCNUMBER"],
            "PAYER UNDEPGLACCOUNTNO DEPOSITDATE:D SHOP_ID \(payment)"),
        IntacctObject("OTHERRECEIPTSENTRY", "Other receipt entry", indexed: ["RECORDKEY"], entry),
        IntacctObject("DEPOSIT", "Deposit", lines: .init(list: "DEPOSITENTRIES", object: "DEPOSITENTRY"), indexed: ["RECORDID"], payment),
        IntacctObject("DEPOSITENTRY", "Deposit entry", indexed: ["RECORDKEY"], "RECORDKEY:n RECEIPTKEY:n AMOUNT:d TRX_AMOUNT:d ACCOUNTNO"),
        IntacctObject(
            "APBILL", "AP bill", contacts: payTo, lines: .init(list: "APBILLITEMS", object: "APBILLITEM"), indexed: ["RECORDID", "VENDORID"],
            "VENDORID VENDORNAME RECPAYMENTDATE:D PAYMENTPRIORITY ONHOLD:b BILLTOPAYTOCONTACTNAME SHIPTORETURNTOCONTACTNAME \(document)"),
        IntacctObject("APBILLITEM", "AP bill item", indexed: ["RECORDKEY"], entry),
        IntacctObject(
            "APADJUSTMENT", "AP adjustment", contacts: payTo, lines: .init(list: "APADJUSTMENTITEMS", object: "APADJUSTMENTITEM"),
            indexed: ["RECORDID", "VENDORID"],
            "VENDORID VENDORNAME BILLTOPAYTOCONTACTNAME SHIPTORETURNTOCONTACTNAME \(document)"),
        IntacctObject("APADJUSTMENTITEM", "AP adjustment item", indexed: ["RECORDKEY"], entry),
        IntacctObject(
            "APPYMT", "AP payment", lines: .init(list: "APPYMTDETAILS", object: "APPYMTDETAIL"), indexed: ["DOCNUMBER", "VENDORID"],
            "VENDORID VENDORNAME \(payment)"),
        IntacctObject("APPYMTDETAIL", "AP payment detail", indexed: ["PAYMENTKEY", "RECORDKEY"], detail),
    ]

    /// What no function shows.
    private static let inner: [IntacctObject] = [
        IntacctObject("_TAXENTRY", "", indexed: ["RECORDKEY"], "RECORDKEY DETAILID TRX_TAX TAX TAXRATE ACCOUNTNO"),
        IntacctObject("_SESSION", "", indexed: ["SESSIONID"], "SESSIONID USERID SENDER LOCATIONID BEGAN ENDS ENDED"),
        IntacctObject("_CONTROL", "", indexed: ["KEY"], "KEY"),
        IntacctObject("_SUPDOC", "", indexed: ["SUPDOCID"], "SUPDOCID NAME FOLDER DESCRIPTION FILES"),
        IntacctObject("_SUPDOCFOLDER", "", indexed: ["NAME"], "NAME DESCRIPTION PARENT"),
        IntacctObject("_RATE", "", "TYPE FROM TO DATE RATE"), IntacctObject("_COMPANY", "", "CLOSED"),
    ]

    static let objects: [String: IntacctObject] = {
        Dictionary((ledger + masters + documents + inner).map { ($0.name, $0) }) { first, _ in first }
    }()

    /// - Throws: "Query Failed" where nobody may ask for such an object.
    static func object(_ name: String) throws(IntacctProblem) -> IntacctObject {
        guard !name.hasPrefix("_"), let found = objects[name.uppercased()] else { throw .noObject(name) }
        return found
    }

    /// What other records call a dimension by, and the fields of lines and entries that hold it.
    static let references: [(field: String, object: String, label: String)] = [
        ("DEPARTMENTID", "DEPARTMENT", "Department"), ("LOCATIONID", "LOCATION", "Location"), ("CLASSID", "CLASS", "Class"),
        ("CUSTOMERID", "CUSTOMER", "Customer"),
        ("VENDORID", "VENDOR", "Vendor"), ("EMPLOYEEID", "EMPLOYEE", "Employee"), ("ITEMID", "ITEM", "Item"), ("PROJECTID", "PROJECT", "Project"),
        ("WAREHOUSEID", "WAREHOUSE", "Warehouse"),
    ]

    /// Objects whose numbers come from one sequence with others.
    static func sequence(_ object: String) -> String {
        switch object {
        case "ARINVOICE", "ARADJUSTMENT", "ARPYMT", "ARADVANCE", "OTHERRECEIPTS", "DEPOSIT", "APBILL", "APADJUSTMENT", "APPYMT": "PRRECORD"
        case "LOCATION", "LOCATIONENTITY": "LOCATION"
        default: object.hasSuffix("ITEM") && object != "ITEM" ? "PRENTRY" : object
        }
    }
}
