package client_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/halong-gateway/halong/dicom/tag"
	"github.com/halong-gateway/halong/dicomweb/client"
)

// Today's CT studies with their descriptions; pages are asked for as they are needed.
func ExampleClient_Search() {
	c := &client.Client{URL: "https://pacs.example/dicom-web", Token: os.Getenv("TOKEN")}
	today := client.Query{
		Level:   client.Studies,
		Match:   []client.Param{{Name: "StudyDate", Value: "20261122"}, {Name: "ModalitiesInStudy", Value: "CT"}},
		Include: []string{"StudyDescription"},
	}
	for study, err := range c.Search(context.Background(), today) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(study.UID(tag.StudyInstanceUID), study.String(tag.StudyDescription))
	}
}

// A study into files, one part at a time.
func ExampleClient_Retrieve() {
	c := &client.Client{URL: "https://pacs.example/dicom-web"}
	n := 0
	for part, err := range c.Retrieve(context.Background(), client.Resource{Study: "1.2.840.1"}) {
		if err != nil {
			log.Fatal(err)
		}
		f, err := os.Create(fmt.Sprintf("%04d.dcm", n))
		if err != nil {
			log.Fatal(err)
		}
		if _, err := io.Copy(f, part.Body); err != nil {
			log.Fatal(err)
		}
		if err := f.Close(); err != nil {
			log.Fatal(err)
		}
		n++
	}
}

// A file is stored. Store does not judge: the status and the answer tell what became of the parts.
func ExampleClient_Store() {
	f, err := os.Open("image.dcm")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	parts := []client.Part{{ContentType: "application/dicom", Body: f}}
	c := &client.Client{URL: "https://pacs.example/dicom-web"}
	answer, err := c.Store(context.Background(), func() (client.Part, error) {
		if len(parts) == 0 {
			return client.Part{}, io.EOF
		}
		p := parts[0]
		parts = parts[1:]
		return p, nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Status)
}

// A program that lost its place goes on behind the last event it knows.
func ExampleClient_Events() {
	c := &client.Client{URL: "https://pacs.example/dicom-web"}
	for event, err := range c.Events(context.Background(), "https://pacs.example/events", 4711) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Seq, event.Type)
	}
}

// A refusal has a status and, where the server gives them, details.
func ExampleStatusOf() {
	c := &client.Client{URL: "https://pacs.example/dicom-web"}
	err := c.Delete(context.Background(), client.Resource{Study: "1.2.840.1"}, client.Reason{Code: "113037", Text: "wrong patient"})
	switch client.StatusOf(err) {
	case 404, 410:
		fmt.Println("it is gone already")
	}
}
